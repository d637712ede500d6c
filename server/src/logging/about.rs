//! Whom and what a line is about: the fields of a line of JSON beside its words.
//!
//! A connection's thread says once whose it is, and each line that is logged on it has that; other threads
//! give it with the line. What only one line knows (a status, a close code) goes with that line. Text has
//! all of it in its words already.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::sync::Arc;

use log::kv::{Error, Key, Source, ToKey, Value, VisitSource};
use log::{Level, Record};

use super::client_rate;
use super::own::{self, Address, Own};
use crate::ids::ClientId;

/// What one line is about, as far as its thread does not know it.
#[derive(Clone, Copy, Default)]
pub struct About<'a> {
    /// The client.
    pub client: Option<ClientId>,
    /// The path of its route.
    pub route: Option<&'a str>,
    /// Its address, as the words have it.
    pub address: Option<&'a dyn Display>,
    /// The code that it is closed with.
    pub code: Option<u16>,
    /// The status that it is answered.
    pub status: Option<u16>,
}

impl About<'_> {
    /// A client that is closed with `code`.
    pub fn closed(code: u16) -> Self {
        About {
            code: Some(code),
            ..About::default()
        }
    }

    /// A request that is answered `status`.
    pub fn answered(status: u16) -> Self {
        About {
            status: Some(status),
            ..About::default()
        }
    }

    /// Logs a line about it under `target`, the module's path.
    pub fn log(&self, level: Level, target: &str, line: fmt::Arguments<'_>) {
        if level > log::max_level() {
            return;
        }
        let mut record = Record::builder();
        record.level(level).target(target).key_values(self);
        log::logger().log(&record.args(line).build());
    }
}

impl Source for About<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), Error> {
        let numbers = [
            ("client", self.client.map(|client| client.0)),
            ("code", self.code.map(u64::from)),
            ("status", self.status.map(u64::from)),
        ];
        for (key, number) in numbers {
            if let Some(number) = number {
                visitor.visit_pair(key.to_key(), number.into())?;
            }
        }
        if let Some(route) = self.route {
            visitor.visit_pair("route".to_key(), route.into())?;
        }
        if let Some(address) = &self.address {
            visitor.visit_pair("address".to_key(), Value::from_dyn_display(address))?;
        }
        Ok(())
    }
}

/// Tells this thread, a connection's, whose it is: `client`, for whom `counted` counts, and `address` as the
/// log has it. No route is known from here on.
pub fn set_own_client(client: ClientId, counted: IpAddr, address: Address) {
    own::set(Own {
        client,
        address,
        route: None,
        counted: client_rate::counted_as(counted),
        share: None,
    });
}

/// Tells this thread, a connection's, which route its request is for; none where none is found.
pub fn set_own_route(route: Option<Arc<str>>) {
    own::with(|own| own.route = route);
}

/// The fields of one line, by their names.
pub(super) type Fields = serde_json::Map<String, serde_json::Value>;

/// What `record` is about, where a plugin's line the plugin's name too.
pub(super) fn fields(record: &Record<'_>) -> Fields {
    let mut fields = Fields::new();
    // It fails only where the visitor does.
    record.key_values().visit(&mut Collect(&mut fields)).ok();
    let is_of_another = fields.contains_key("client") || fields.contains_key("address");
    if !is_of_another {
        add_own(&mut fields);
    }
    let plugin = record.target().strip_prefix("plugin::");
    if let Some(name) = plugin.and_then(|rest| rest.split("::").next()) {
        fields.insert("plugin".to_owned(), name.into());
    }
    fields
}

fn add_own(fields: &mut Fields) {
    own::with(|own| {
        fields.insert("client".to_owned(), own.client.0.into());
        fields.insert("address".to_owned(), own.address.to_string().into());
        if let Some(route) = &own.route {
            fields.insert("route".to_owned(), (**route).into());
        }
    });
}

struct Collect<'a>(&'a mut Fields);

impl<'kvs> VisitSource<'kvs> for Collect<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let value = match value.to_u64() {
            Some(number) => number.into(),
            None => value.to_string().into(),
        };
        self.0.insert(key.as_str().to_owned(), value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{About, fields, set_own_client, set_own_route};
    use crate::ids::ClientId;
    use log::Record;
    use serde_json::{Value, json};
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn of(target: &str, about: &About<'_>) -> Value {
        let mut record = Record::builder();
        Value::Object(fields(&record.target(target).key_values(about).build()))
    }

    #[test]
    fn a_line_has_its_own_fields_and_those_of_its_thread() {
        let nothing = About::default();
        assert_eq!(of("server", &nothing), json!({}));
        assert_eq!(
            of("plugin::chat::rustls", &nothing),
            json!({"plugin": "chat"})
        );
        set_own_client(ClientId(7), ADDRESS, Arc::new("192.0.2.1:99"));
        assert_eq!(
            of("server", &About::answered(404)),
            json!({"client": 7, "address": "192.0.2.1:99", "status": 404})
        );
        set_own_route(Some("/chat".into()));
        assert_eq!(
            of("plugin::chat", &About::closed(1009)),
            json!({"client": 7, "address": "192.0.2.1:99", "route": "/chat", "code": 1009, "plugin": "chat"})
        );
    }

    #[test]
    fn a_line_about_another_client_has_nothing_of_its_thread() {
        set_own_client(ClientId(7), ADDRESS, Arc::new("192.0.2.1:99"));
        set_own_route(Some("/chat".into()));
        let other = About {
            client: Some(ClientId(8)),
            ..About::default()
        };
        assert_eq!(of("server", &other), json!({"client": 8}));
    }
}
