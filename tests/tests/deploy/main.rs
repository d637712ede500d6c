//! The deployment as `scripts/deploy` tells it, with the real programs: each proxy, the unit, the rotation
//! of the log. One module a program; a feature of cargo's for each, since not every machine has it.

#[cfg(feature = "apache")]
mod apache;
#[cfg(feature = "caddy")]
mod caddy;
mod commands;
#[cfg(feature = "fail2ban")]
mod fail2ban;
#[cfg(feature = "haproxy")]
mod haproxy;
#[cfg(feature = "logrotate")]
mod logrotate;
#[cfg(feature = "nginx")]
mod nginx;
#[cfg(feature = "prometheus")]
mod prometheus;
#[cfg(feature = "systemd")]
mod systemd;
#[cfg(any(
    feature = "nginx",
    feature = "haproxy",
    feature = "apache",
    feature = "caddy"
))]
mod through;
#[cfg(all(feature = "redis", any(feature = "nginx", feature = "haproxy")))]
mod two_hosts;
#[cfg(any(feature = "nginx", feature = "haproxy"))]
mod unix_sockets;
