"""The bucket of an S3-compatible store, and how long it is waited for."""

from datetime import timedelta

from obstore.exceptions import BaseError
from obstore.store import S3Store

from app.core.config import SettingMissing, Settings

# How long a bucket may be silent: for an answer, with a part on its way to it, and between two reads of one. A second
# attempt begins only where the first failed sooner, so nobody waits for a dead bucket much longer than this.
SILENCE_SECONDS = 10


def bucket_of(settings: Settings) -> S3Store | None:
    """Return the bucket that the settings name, None where evidence lies on the local disk; nothing is asked yet.

    Raises: SettingMissing.
    """
    place = settings.evidence_bucket
    if place is None:
        return None
    secret = settings.s3_secret_access_key
    try:
        return S3Store(
            place.bucket,
            prefix=place.prefix or None,
            endpoint=settings.s3_endpoint or None,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id or None,
            secret_access_key=secret.get_secret_value() if secret else None,
            checksum_algorithm="SHA256",  # the store refuses what was changed on the way, and keeps the sum
            client_options={
                "allow_http": settings.s3_endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "read_timeout": timedelta(seconds=SILENCE_SECONDS),
                "timeout": timedelta(
                    days=1
                ),  # of a whole answer: a slow client may take its time with a large file
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=SILENCE_SECONDS)},
        )
    except BaseError as error:
        raise SettingMissing("EVIDENCE_STORE, S3_ENDPOINT and S3_REGION name no bucket") from error
