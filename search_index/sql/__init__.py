"""The hard SQL of the index, named and described in the .sql files beside this module; SQL["name"] is its text.

In a file, a line `-- name --` opens a statement; the comment lines after it say what it is for. Where a statement says
{within}, the filters of a search stand (search.sql, "within").
"""

import re
from pathlib import Path

SQL: dict[str, str] = {
    match["name"]: match["body"].strip()
    for file in sorted(Path(__file__).parent.glob("*.sql"))
    for match in re.finditer(
        r"^-- (?P<name>\w+) --$(?P<body>.*?)(?=^-- \w+ --$|\Z)", file.read_text(), re.MULTILINE | re.DOTALL
    )
}
SQL |= {name: text.replace("{within}", SQL["within"]) for name, text in SQL.items() if name != "within"}
