"""A run keeps the pages that it cites; verdicts say more than "struck"; claims and reports say how sure they are."""

import django.db.models.deletion
from django.db import migrations, models

EXHIBITS = """
INSERT INTO research_exhibit (run_id, snapshot, url, host, title, author, published_on, fetched_at, source,
                              source_class, language, text, sha256, headings, cluster, flags)
SELECT cited.run_id, snapshot.id, page.url, coalesce(substring(page.url from '^https?://([^/:?#]+)'), ''),
       snapshot.title, snapshot.author, snapshot.published_on, snapshot.fetched_at, source.name,
       snapshot.source_class, snapshot.language, snapshot.text, snapshot.sha256, snapshot.headings, page.cluster,
       '[]'::jsonb
FROM (SELECT DISTINCT run_id, snapshot_id FROM research_evidence) AS cited
JOIN search_index_snapshot AS snapshot ON snapshot.id = cited.snapshot_id
JOIN search_index_page AS page ON page.id = snapshot.page_id
JOIN search_index_source AS source ON source.id = page.source_id;
UPDATE research_evidence SET exhibit_id = research_exhibit.id FROM research_exhibit
WHERE research_exhibit.run_id = research_evidence.run_id
  AND research_exhibit.snapshot = research_evidence.snapshot_id;
"""
VERDICTS = """
UPDATE research_claim SET verdict = 'unsupported' WHERE verdict = 'struck';
UPDATE research_step SET result = replace(result::text, '"verdict": "struck"', '"verdict": "unsupported"')::jsonb
WHERE kind IN ('check', 'judge');
"""


class Migration(migrations.Migration):
    dependencies = [("research", "0003_sift"), ("search_index", "0002_manners")]

    operations = [
        migrations.CreateModel(
            name="Exhibit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("snapshot", models.PositiveBigIntegerField()),
                ("url", models.TextField()),
                ("host", models.CharField(blank=True, max_length=255)),
                ("title", models.TextField(blank=True)),
                ("author", models.TextField(blank=True)),
                ("published_on", models.DateField(null=True)),
                ("fetched_at", models.DateTimeField()),
                ("source", models.TextField(blank=True)),
                ("source_class", models.CharField(blank=True, max_length=10)),
                ("language", models.CharField(blank=True, max_length=10)),
                ("text", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("headings", models.JSONField(default=list)),
                ("cluster", models.PositiveBigIntegerField(null=True)),
                ("flags", models.JSONField(default=list)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="exhibits", to="research.run"
                    ),
                ),
            ],
            options={"verbose_name": "exhibit", "verbose_name_plural": "exhibits", "ordering": ["run", "id"]},
        ),
        migrations.AddConstraint(
            model_name="exhibit",
            constraint=models.UniqueConstraint(fields=("run", "snapshot"), name="one_exhibit_a_snapshot"),
        ),
        migrations.AddField(
            model_name="evidence",
            name="exhibit",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="evidence",
                to="research.exhibit",
            ),
        ),
        migrations.RunSQL([EXHIBITS, "SET CONSTRAINTS ALL IMMEDIATE"], migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="evidence",
            name="exhibit",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="evidence", to="research.exhibit"
            ),
        ),
        migrations.RemoveConstraint(model_name="evidence", name="one_evidence_a_span"),
        migrations.RemoveField(model_name="evidence", name="snapshot"),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.UniqueConstraint(fields=("run", "exhibit", "start", "end"), name="one_evidence_a_span"),
        ),
        migrations.AddField("claim", "caution", models.TextField(blank=True)),
        migrations.AddField("claim", "confidence", models.FloatField(null=True)),
        migrations.AddField("claim", "independent", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("claim", "judge", models.CharField(blank=True, max_length=10)),
        migrations.AddField("report", "confidence", models.FloatField(null=True)),
        migrations.AddField("report", "disagreements", models.JSONField(default=list)),
        migrations.AlterField(
            model_name="claim",
            name="verdict",
            field=models.CharField(
                choices=[
                    ("supported", "supported"),
                    ("partly", "partly supported"),
                    ("contradicted", "struck: its evidence says otherwise"),
                    ("unsupported", "struck: not supported"),
                    ("uncheckable", "states nothing that could be checked"),
                    ("quoted", "a quotation"),
                ],
                max_length=12,
            ),
        ),
        migrations.RunSQL(VERDICTS, migrations.RunSQL.noop),
    ]
