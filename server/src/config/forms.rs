//! The forms in which a value is written: each is read by serde from the file and by its parser
//! from the command line, and says what it looks like where it cannot be read.
//!
//! Sizes are those of bytesize, times those of humantime, networks those of ipnet.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::IpNet;
use log::LevelFilter;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use crate::compression;
use crate::http::host::Host;
use crate::http::origin::AllowedOrigins;
use crate::limits::memory::Limit;
use crate::limits::settings::{Bounds, TIME_LEAST};
use crate::logging::LogFormat;
use crate::outbox::SlowClient;

/// A kind of value that a setting may have.
pub(super) trait Form: Sized {
    /// Follows what was written: `25 is ` this.
    const EXPECTED: &'static str;
    /// Whether what was written is to stay out of messages.
    const IS_SECRET: bool = false;

    /// Reads it from the command line or from inside quotes.
    fn parse(text: &str) -> Option<Self>;

    /// Reads it from the file: as text, unless the form has its own way.
    fn read(value: Spanned<DeValue<'_>>) -> Option<Self> {
        let text = String::deserialize(ValueDeserializer::from(value)).ok()?;
        Self::parse(&text)
    }
}

impl Form for bool {
    const EXPECTED: &'static str = "neither true nor false: write one of them, without quotes";

    fn parse(text: &str) -> Option<bool> {
        text.parse().ok()
    }

    fn read(value: Spanned<DeValue<'_>>) -> Option<bool> {
        bool::deserialize(ValueDeserializer::from(value)).ok()
    }
}

/// A whole number.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Number(pub(super) u64);

impl Form for Number {
    const EXPECTED: &'static str = "no number: write it in digits and without quotes, such as 100";

    fn parse(text: &str) -> Option<Number> {
        text.parse().ok().map(Number)
    }

    fn read(value: Spanned<DeValue<'_>>) -> Option<Number> {
        u64::deserialize(ValueDeserializer::from(value))
            .ok()
            .map(Number)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Bytes: `"64 KiB"`, `"1MB"`, or a bare number of them.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Size(pub(super) u64);

impl Form for Size {
    const EXPECTED: &'static str = r#"no size: write it with a unit, such as "64 KiB""#;

    fn parse(text: &str) -> Option<Size> {
        text.trim().parse().ok().map(|ByteSize(bytes)| Size(bytes))
    }

    fn read(value: Spanned<DeValue<'_>>) -> Option<Size> {
        if let DeValue::Integer(_) = value.get_ref() {
            return Number::read(value).map(|Number(bytes)| Size(bytes));
        }
        Size::parse(&String::deserialize(ValueDeserializer::from(value)).ok()?)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = ByteSize(self.0).to_string();
        f.write_str(&text.replacen(".0 ", " ", 1))
    }
}

/// A share of the memory that there is for us, or a size.
impl Form for Limit {
    const EXPECTED: &'static str =
        r#"no amount of memory: write "50%", of 1% to 100%, or a size of "16 MiB" or more"#;

    fn parse(text: &str) -> Option<Limit> {
        Limit::parse(text)
    }
}

/// A time: `"25s"`, `"1min 30s"`, `"1500ms"`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Time(pub(super) Duration);

impl Form for Time {
    const EXPECTED: &'static str = r#"no time: write it with a unit, such as "25s""#;

    fn parse(text: &str) -> Option<Time> {
        humantime::parse_duration(text).ok().map(Time)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Form for LevelFilter {
    const EXPECTED: &'static str =
        r#"no log level: write "off", "error", "warn", "info", "debug" or "trace""#;

    fn parse(text: &str) -> Option<LevelFilter> {
        text.parse().ok()
    }
}

impl Form for LogFormat {
    const EXPECTED: &'static str = r#"no log format: write "text" or "json""#;

    fn parse(text: &str) -> Option<LogFormat> {
        match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        }
    }
}

impl Form for SlowClient {
    const EXPECTED: &'static str = r#"no way to treat a slow client: write "close" or "drop""#;

    fn parse(text: &str) -> Option<SlowClient> {
        match text {
            "close" => Some(SlowClient::Close),
            "drop" => Some(SlowClient::Drop),
            _ => None,
        }
    }
}

impl Form for compression::Mode {
    const EXPECTED: &'static str = r#"no way to compress: write "off", "shared" or "full""#;

    fn parse(text: &str) -> Option<compression::Mode> {
        match text {
            "off" => Some(compression::Mode::Off),
            "shared" => Some(compression::Mode::Shared),
            "full" => Some(compression::Mode::Full),
            _ => None,
        }
    }
}

/// A name or an address as it stands in a Host header, without a port.
pub(super) struct HostName(pub(super) Host);

impl Form for HostName {
    const EXPECTED: &'static str = r#"no host: write a name or an address without a port, such as "example.org" or "10.0.0.5""#;

    fn parse(text: &str) -> Option<HostName> {
        let address = || text.parse::<IpAddr>().ok().map(Host::Address);
        address().or_else(|| Host::parse(text)).map(HostName)
    }
}

/// A network, or an address, which is the network of this one address.
pub(super) struct Network(pub(super) IpNet);

impl Form for Network {
    const EXPECTED: &'static str =
        r#"no network: write it as "10.0.0.0/8", "2001:db8::/32" or as one address"#;

    fn parse(text: &str) -> Option<Network> {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let network = text.parse::<IpNet>().ok().or_else(address)?;
        Some(Network(network.trunc()))
    }
}

/// Where proxies come from: a network, or any unix socket.
pub(super) enum Proxy {
    Network(IpNet),
    Unix,
}

impl Form for Proxy {
    const EXPECTED: &'static str = r#"no network: write it as "10.0.0.0/8", "2001:db8::/32" or as one address, or "unix:" for who comes by a unix socket"#;

    fn parse(text: &str) -> Option<Proxy> {
        match text {
            "unix:" => Some(Proxy::Unix),
            _ => Network::parse(text).map(|Network(network)| Proxy::Network(network)),
        }
    }
}

/// Permissions of a file, in octal digits as `chmod` takes them.
pub(super) struct Mode(pub(super) u32);

impl Form for Mode {
    const EXPECTED: &'static str =
        r#"no permissions: write three octal digits in quotes, as chmod takes them, such as "660""#;

    fn parse(text: &str) -> Option<Mode> {
        let digits = text
            .strip_prefix('0')
            .filter(|rest| rest.len() == 3)
            .unwrap_or(text);
        let is_octal = digits.len() == 3 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let mode = u32::from_str_radix(digits, 8).ok();
        mode.filter(|_| is_octal).map(Mode)
    }
}

/// An origin as a browser sends it, or `*`.
pub(super) struct Origin(pub(super) String);

impl Form for Origin {
    const EXPECTED: &'static str = AllowedOrigins::EXPECTED;

    fn parse(text: &str) -> Option<Origin> {
        AllowedOrigins::parse([text]).ok()?;
        Some(Origin(text.to_owned()))
    }
}

/// A path as a request names it.
pub(super) struct HealthPath(pub(super) Box<str>);

impl Form for HealthPath {
    const EXPECTED: &'static str = r#"no path: write it as a request names it, such as "/healthz""#;

    fn parse(text: &str) -> Option<HealthPath> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        let is_path = text.len() > 1 && text.starts_with('/') && text.bytes().all(is_allowed);
        is_path.then(|| HealthPath(text.into()))
    }
}

/// Text that is not empty.
pub(super) struct Text(pub(super) String);

impl Form for Text {
    const EXPECTED: &'static str = "no text: write something in quotes";

    fn parse(text: &str) -> Option<Text> {
        (!text.is_empty() && !text.contains('\0')).then(|| Text(text.to_owned()))
    }
}

/// A subprotocol's name, a token (RFC 6455 section 4.1, RFC 9110 section 5.6.2).
pub(super) struct Subprotocol(pub(super) String);

impl Form for Subprotocol {
    const EXPECTED: &'static str =
        r#"no name of a subprotocol: write one without spaces and commas, such as "chat.v1""#;

    fn parse(text: &str) -> Option<Subprotocol> {
        let is_of_a_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_token = !text.is_empty() && text.bytes().all(is_of_a_token);
        is_token.then(|| Subprotocol(text.to_owned()))
    }
}

/// Forms that have an order, and so a range.
pub(super) trait Ordered: Form + PartialOrd + Copy + fmt::Display {
    /// The plain value.
    type Value: Copy;

    /// Puts a bound into the form, to compare and to name it.
    fn of(value: Self::Value) -> Self;

    /// The plain value.
    fn value(self) -> Self::Value;

    /// The least that is allowed where it is not zero itself.
    fn least_above_zero(least: Self) -> Self {
        least
    }

    /// Follows what was written, where it is out of its range.
    fn out_of(self, bounds: &Bounds<Self::Value>) -> Option<String> {
        let (least, most) = (Self::of(bounds.least), Self::of(bounds.most));
        let above_zero = Self::least_above_zero(least);
        if self > most {
            Some(format!("is more than {most}, the most that is allowed"))
        } else if self < above_zero && self != least {
            let beside = if above_zero == least {
                String::new()
            } else {
                format!(" beside {least}")
            };
            Some(format!(
                "is less than {above_zero}, the least that is allowed{beside}"
            ))
        } else {
            None
        }
    }
}

impl Ordered for Number {
    type Value = u64;

    fn of(value: u64) -> Number {
        Number(value)
    }

    fn value(self) -> u64 {
        self.0
    }
}

impl Ordered for Size {
    type Value = u64;

    fn of(value: u64) -> Size {
        Size(value)
    }

    fn value(self) -> u64 {
        self.0
    }
}

impl Ordered for Time {
    type Value = Duration;

    fn of(value: Duration) -> Time {
        Time(value)
    }

    fn value(self) -> Duration {
        self.0
    }

    fn least_above_zero(least: Time) -> Time {
        Time(least.0.max(TIME_LEAST))
    }
}
