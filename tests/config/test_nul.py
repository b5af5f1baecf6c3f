"""An address with a NUL in it: nothing of the site breaks on what PostgreSQL cannot keep."""

import pytest

ADDRESSES = (
    "/runs?q=a%00b",
    "/search?q=pool&host=%00",
    "/admin/search_index/source/?kind=%00",
    "/admin/index/egress?host=%00",
)


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_nul_in_an_address_is_left_out(admin_client, address):
    assert admin_client.get(address).status_code == 200
