"""What a reader has to know of a snapshot's text. Of what was stored before, nothing is known: it is told when the page
is read again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("search_index", "0002_manners")]

    operations = [
        migrations.AddField(model_name="snapshot", name="flags", field=models.JSONField(default=list)),
    ]
