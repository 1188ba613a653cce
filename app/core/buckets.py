"""The bucket of an S3-compatible store, and how long it is waited for."""

from datetime import timedelta

from obstore.exceptions import BaseError
from obstore.store import S3Store

from app.core.config import SettingMissing, Settings

# How long a bucket may be silent: for an answer, with a part on its way to it, and between two reads of one. A second
# attempt begins only where the first failed sooner, so nobody waits for a dead bucket much longer than this.
SILENCE_SECONDS = 10

# How long a whole answer may take: a slow client reads a large file at its own pace.
_WHOLE_ANSWER = timedelta(days=1)


def bucket_of(settings: Settings) -> S3Store | None:
    """Return the bucket that the settings name, None where evidence lies on the local disk; nothing is asked yet.

    Raises: SettingMissing.
    """
    place = settings.evidence_bucket
    if place is None:
        return None
    secret = settings.s3_secret_access_key
    given = {
        "prefix": place.prefix,
        "endpoint": settings.s3_endpoint,
        "access_key_id": settings.s3_access_key_id,
        "secret_access_key": secret.get_secret_value() if secret else "",
    }
    try:
        return S3Store(
            place.bucket,
            region=settings.s3_region,
            checksum_algorithm="SHA256",  # the store refuses what was changed on the way, and keeps the sum
            client_options={
                "allow_http": settings.s3_endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=5),
                "read_timeout": timedelta(seconds=SILENCE_SECONDS),
                "timeout": _WHOLE_ANSWER,
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=SILENCE_SECONDS)},
            **{name: value for name, value in given.items() if value},  # type: ignore[arg-type]
        )
    except BaseError as error:
        raise SettingMissing("EVIDENCE_STORE, S3_ENDPOINT and S3_REGION name no bucket") from error
