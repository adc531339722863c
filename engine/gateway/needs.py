"""What a gateway is made of."""

from dataclasses import dataclass

from engine.gateway.trigger import Submit
from engine.settings import (
    CopySettings,
    GatewaySettings,
    MongoSettings,
    RaySettings,
    S3Settings,
    ScanSettings,
    StepSettings,
)


@dataclass(frozen=True, slots=True)
class Needs:
    """Settings, and how a pass is started."""

    gateway: GatewaySettings
    mongo: MongoSettings
    s3: S3Settings | None
    """None: not configured; then its health is not told, and nothing is undone."""
    ray: RaySettings
    scan: ScanSettings
    steps: StepSettings
    copy: CopySettings
    submit: Submit
