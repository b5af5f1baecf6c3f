"""What came to the egress door, for the operator's page."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('search_index', '0003_flags'),
    ]

    operations = [
        migrations.CreateModel(
            name='Departure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True, verbose_name='when')),
                ('whose', models.CharField(blank=True, max_length=60, verbose_name='who asked')),
                ('host', models.CharField(blank=True, max_length=255, verbose_name='host')),
                ('port', models.PositiveIntegerField(default=0, verbose_name='port')),
                ('address', models.CharField(blank=True, max_length=45, verbose_name='address')),
                ('verdict', models.CharField(max_length=20, verbose_name='verdict')),
                ('up', models.BigIntegerField(default=0, verbose_name='bytes up')),
                ('down', models.BigIntegerField(default=0, verbose_name='bytes down')),
                ('milliseconds', models.PositiveIntegerField(default=0, verbose_name='milliseconds')),
            ],
            options={
                'verbose_name': 'request at the egress door',
                'verbose_name_plural': 'requests at the egress door',
                'indexes': [models.Index(fields=['host', 'at'], name='departure_host'), models.Index(fields=['whose', 'at'], name='departure_whose')],
            },
        ),
    ]
