"""Every setting of the engine, as frozen dataclasses; units stand in the names.

The keys are the contract's (docs/contract.md, section 6). ``engine.configuration`` fills them through Hydra;
each class refuses an impossible value with a ConfigError that names the key. Secrets are left out of ``repr``.
"""

from dataclasses import dataclass, field

from engine.settings.gateway import GatewaySettings
from engine.settings.running import LogSettings, ScheduleSettings
from engine.settings.servers import LocalSettings, MongoSettings, RaySettings, S3Settings
from engine.settings.work import (
    ChatSettings,
    CopySettings,
    CrossAccount,
    FunnelSettings,
    LeaseSettings,
    ScanSettings,
    StepSettings,
)

__all__ = [
    "ChatSettings",
    "CopySettings",
    "CrossAccount",
    "FunnelSettings",
    "GatewaySettings",
    "LeaseSettings",
    "LocalSettings",
    "LogSettings",
    "MongoSettings",
    "RaySettings",
    "S3Settings",
    "ScanSettings",
    "ScheduleSettings",
    "Settings",
    "StepSettings",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one process; hashable, so that clients are made once for equal ones."""

    mongo: MongoSettings
    s3: S3Settings
    ray: RaySettings
    local: LocalSettings
    scan: ScanSettings = field(default_factory=ScanSettings)
    lease: LeaseSettings = field(default_factory=LeaseSettings)
    steps: StepSettings = field(default_factory=StepSettings)
    funnels: FunnelSettings = field(default_factory=FunnelSettings)
    copy: CopySettings = field(default_factory=CopySettings)
    chat: ChatSettings = field(default_factory=ChatSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    log: LogSettings = field(default_factory=LogSettings)
