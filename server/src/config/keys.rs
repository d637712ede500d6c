//! The table of all settings: name in the file, option of the command line, and whether a change
//! takes effect at a reload. What reads, compares and documents settings is held against it.

use super::client::ClientSettings;
use super::settings::Settings;

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// At the next reload.
    Reload,
    /// At the next start.
    Restart,
}

/// One setting of `S`.
pub struct Key<S> {
    /// The table that it stands in; empty for the top of the file.
    pub section: &'static str,
    /// Its name in that table.
    pub name: &'static str,
    /// The option of the command line that sets it too.
    pub flag: Option<&'static str>,
    /// When a change takes effect.
    pub effect: Effect,
    /// Whether two settings differ in it.
    pub differs: fn(&S, &S) -> bool,
}

impl<S> Key<S> {
    /// Its name with that of its table, such as `client.ping_interval`.
    pub fn full_name(&self) -> String {
        match self.section {
            "" => self.name.to_owned(),
            section => format!("{section}.{}", self.name),
        }
    }
}

macro_rules! key {
    ($section:literal, $name:literal, $flag:expr, $effect:ident, $field:expr) => {
        Key {
            section: $section,
            name: $name,
            flag: $flag,
            effect: Effect::$effect,
            differs: |old, new| {
                // Names the type of the field's owner, which a closure cannot infer.
                fn same_owner<S, T>(_: &S, of: impl Fn(&S) -> T) -> impl Fn(&S) -> T {
                    of
                }
                let field = same_owner(old, $field);
                field(old) != field(new)
            },
        }
    };
}

/// Settings of the whole server.
#[rustfmt::skip] // one line a setting
pub const SERVER_KEYS: &[Key<Settings>] = &[
    key!("", "plugins", Some("--plugins"), Restart, |of| of.plugins.clone()),
    key!("", "listen", Some("--listen"), Reload, |of| of.listen.clone()),
    key!("", "hosts", None, Reload, |of| of.hosts.clone()),
    key!("", "strict", Some("--strict"), Restart, |of| of.is_strict),
    key!("", "strict_modes", None, Reload, |of| of.strict_modes),
    key!("", "library_loads_max", None, Reload, |of| of.library_loads_max),
    key!("", "default_routes", None, Reload, |of| of.default_routes),
    key!("", "state_dir", None, Restart, |of| of.state_dir.clone()),
    key!("", "stop_timeout", Some("--stop-timeout"), Reload, |of| of.stop_timeout),
    key!("", "stop_delay", None, Reload, |of| of.stop_delay),
    key!("", "health", None, Reload, |of| of.health.clone()),
    key!("log", "level", Some("--log-level"), Reload, |of| of.log.level),
    key!("log", "levels", None, Reload, |of| of.log.levels.clone()),
    key!("log", "file", Some("--log-file"), Reload, |of| of.log.file.clone()),
    key!("log", "format", Some("--log-format"), Reload, |of| of.log.format),
    key!("log", "client_rate", None, Reload, |of| of.log.client_rate.per_second),
    key!("log", "client_burst", None, Reload, |of| of.log.client_rate.burst),
    key!("proxy", "trusted", None, Reload, |of| of.trusted_proxies.clone()),
    key!("inside", "networks", None, Reload, |of| of.inside.networks.clone()),
    key!("inside", "tokens", None, Reload, |of| of.inside.tokens.clone()),
    key!("inside", "tokens_file", None, Reload, |of| (of.inside.tokens_file.clone(), of.inside.file_tokens.clone())),
    key!("admin", "listen", None, Reload, |of| of.admin.listen.clone()),
    key!("admin", "mode", None, Reload, |of| of.admin.access.mode),
    key!("admin", "owner", None, Reload, |of| of.admin.access.owner),
    key!("admin", "group", None, Reload, |of| of.admin.access.group),
    key!("admin", "tokens_file", None, Reload, |of| (of.admin.tokens_file.clone(), of.admin.tokens.clone())),
    key!("redis", "url", None, Restart, |of| of.redis.as_ref().map(|of| of.address.servers.clone())),
    key!("redis", "sentinel", None, Restart, |of| of.redis.as_ref().map(|of| of.address.sentinel.clone())),
    key!("redis", "user", None, Restart, |of| of.redis.as_ref().map(|of| of.address.user.clone())),
    key!("redis", "password_file", None, Restart, |of| of.redis.as_ref().map(|of| of.address.password_file.clone())),
    key!("redis", "ca_file", None, Restart, |of| of.redis.as_ref().map(|of| of.address.files.ca.clone())),
    key!("redis", "certificate_file", None, Restart, |of| of.redis.as_ref().map(|of| of.address.files.pair.as_ref().map(|of| of.0.clone()))),
    key!("redis", "key_file", None, Restart, |of| of.redis.as_ref().map(|of| of.address.files.pair.as_ref().map(|of| of.1.clone()))),
    key!("redis", "prefix", None, Restart, |of| of.redis.as_ref().map(|of| of.prefix.clone())),
    key!("redis", "messages", None, Restart, |of| of.redis.as_ref().map(|of| of.messages)),
    key!("redis", "wait", None, Restart, |of| of.redis.as_ref().map(|of| of.wait)),
    key!("redis", "when_away", None, Restart, |of| of.redis.as_ref().map(|of| of.when_away)),
    key!("limits", "connections", Some("--max-connections"), Reload, |of| of.limits.connections),
    key!("limits", "memory", None, Reload, |of| of.limits.memory),
    key!("limits", "connections_per_address", None, Reload, |of| of.limits.connections_per_address),
    key!("limits", "handshakes", None, Reload, |of| of.limits.handshakes),
    key!("limits", "head", None, Reload, |of| of.limits.head_bytes),
    key!("limits", "headers", None, Reload, |of| of.limits.headers),
    key!("limits", "body", None, Reload, |of| of.limits.body_bytes),
    key!("limits", "route_queue", None, Reload, |of| of.limits.route_queue_bytes),
    key!("limits", "handshake_timeout", Some("--handshake-timeout"), Reload, |of| of.limits.handshake_timeout),
    key!("limits", "keep_alive_timeout", None, Reload, |of| of.limits.keep_alive_timeout),
];

/// Settings of each client, which a route may have of its own.
#[rustfmt::skip] // one line a setting
pub const CLIENT_KEYS: &[Key<ClientSettings>] = &[
    key!("client", "origins", Some("--allow-origin"), Reload, |of| of.origins.clone()),
    key!("client", "message", Some("--max-message"), Reload, |of| of.message_bytes_max),
    key!("client", "backlog", Some("--max-backlog"), Reload, |of| of.backlog_bytes_max),
    key!("client", "slow_client", None, Reload, |of| of.slow_client),
    key!("client", "messages_per_second", None, Reload, |of| of.messages.per_second),
    key!("client", "messages_burst", None, Reload, |of| of.messages.burst),
    key!("client", "bytes_per_second", None, Reload, |of| of.bytes.per_second),
    key!("client", "bytes_burst", None, Reload, |of| of.bytes.burst),
    key!("client", "compression", None, Reload, |of| of.compression),
    key!("client", "compression_threshold", None, Reload, |of| of.compression_effort.threshold),
    key!("client", "compression_level", None, Reload, |of| of.compression_effort.level),
    key!("client", "ping_interval", Some("--ping-interval"), Reload, |of| of.ping_interval),
    key!("client", "pong_timeout", Some("--pong-timeout"), Reload, |of| of.pong_timeout),
    key!("client", "idle_timeout", None, Reload, |of| of.idle_timeout),
    key!("client", "write_timeout", None, Reload, |of| of.write_timeout),
    key!("client", "close_timeout", None, Reload, |of| of.close_timeout),
    key!("client", "lifetime", None, Reload, |of| of.lifetime),
    key!("client", "lifetime_jitter", None, Reload, |of| of.lifetime_jitter),
];

/// What a `[[listener]]` has.
pub const LISTENER_KEYS: &[&str] = &[
    "address",
    "inside",
    "proxy_protocol",
    "mode",
    "owner",
    "group",
    "reuse_port",
    "redirect",
    "tls",
];

/// What the `tls` of a `[[listener]]` has.
pub const TLS_KEYS: &[&str] = &[
    "certificate",
    "key",
    "client_ca",
    "client_required",
    "hsts",
    "watch",
];

/// What a `[[route]]` has beside the settings of each client.
pub const ROUTE_KEYS: &[&str] = &[
    "path",
    "plugin",
    "subprotocols",
    "event_stream",
    "shared",
    "when_away",
    "options",
];

/// What the `[route.journal]` of a `[[route]]` has.
pub const JOURNAL_KEYS: &[&str] = &["messages", "bytes", "age", "topics_max", "file"];

/// Section, name and option of every setting of the server and of each client.
fn all() -> impl Iterator<Item = (&'static str, &'static str, Option<&'static str>)> {
    let server = SERVER_KEYS
        .iter()
        .map(|key| (key.section, key.name, key.flag));
    server.chain(
        CLIENT_KEYS
            .iter()
            .map(|key| (key.section, key.name, key.flag)),
    )
}

/// The option of the command line for a key of a table.
pub(super) fn flag(of_section: &str, of_name: &str) -> Option<&'static str> {
    let mut found = all().filter(|&(section, name, _)| (section, name) == (of_section, of_name));
    found.next().and_then(|(.., flag)| flag)
}

/// The table that a key belongs in, empty for the top; none where there is no such key.
pub(super) fn section_of(of_name: &str) -> Option<&'static str> {
    let mut found = all().filter(|&(_, name, _)| name == of_name);
    found.next().map(|(section, ..)| section)
}
