"""What rendering a host's pages has brought: whether the browser is needed there. Of what was rendered before, nothing
is known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("search_index", "0004_departures")]

    operations = [
        migrations.AddField(
            model_name="host", name="renders_gained", field=models.PositiveIntegerField(default=0, db_default=0)
        ),
        migrations.AddField(
            model_name="host", name="renders_idle", field=models.PositiveIntegerField(default=0, db_default=0)
        ),
    ]
