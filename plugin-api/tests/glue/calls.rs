//! What a plugin asks the server for arrives there as it was meant.

use std::time::Duration;

use plugin_api::declaration::{Declaration, Exported};
use plugin_api::{
    Client, CloseError, Config, Delivery, Host, Message, Plugin, Result, SendError, Timer,
    TimerError, TopicError, abi,
};

use crate::fake_host::GONE_CLIENT;
use crate::instance::{DONE, Instance, log_lines};

/// Makes every call once.
struct Caller {
    host: Host,
}

impl Plugin for Caller {
    type Session = ();

    fn create(host: Host, _: Config) -> Result<Self> {
        Ok(Caller { host })
    }

    fn on_message(&self, client: &Client, (): &mut (), message: Message) -> Result {
        assert_eq!(client.send(message)?, Delivery::Queued);
        assert_eq!(
            self.host.client(GONE_CLIENT.into()).send("hi")?,
            Delivery::Gone
        );
        client.flush();
        client.join("room")?;
        client.leave("room")?;
        assert_eq!(client.join(""), Err(TopicError::Name));
        client.close(1000, "bye")?;
        let invalid = CloseError::Invalid {
            code: 1005,
            reason_bytes: 0,
        };
        assert_eq!(client.close(1005, ""), Err(invalid));

        let host = client.host();
        host.publish("room", "hi")?;
        host.publish_except("room", [1; 0], client.id())?;
        assert_eq!(host.publish("", "hi"), Err(SendError::Topic));
        host.broadcast("hi")?;
        host.broadcast_except("hi", client.id())?;
        host.broadcast_except("hi", None)?;
        assert_eq!((host.client_count(), host.member_count("room")?), (3, 2));
        Ok(())
    }

    fn on_timer(&self, timer: Timer) -> Result {
        assert_eq!(self.host.set_timer(Duration::from_micros(1500))?, timer);
        self.host.set_interval(Duration::from_secs(60))?;
        assert_eq!(
            self.host.set_interval(Duration::ZERO),
            Err(TimerError::Range)
        );
        assert_eq!(self.host.set_timer(Duration::MAX), Err(TimerError::Range));
        self.host.cancel_timer(timer);
        assert_eq!(self.host.path(), "/route");
        let config: std::collections::HashMap<String, u32> = self.host.config().parse()?;
        log::info!("{config:?}");
        log::debug!("below the level");
        log::warn!(target: "some_crate::room", "not the plugin's own");
        Ok(())
    }
}

impl Exported for Caller {
    plugin_api::export!(@session Caller);

    const DECLARATION: Declaration = Declaration::new("caller", "1.0.0", module_path!(), "/caller");
}

#[test]
fn calls_about_clients_and_topics_arrive() {
    let caller = Instance::<Caller>::new();
    let (_, session) = caller.open();
    assert_eq!(caller.message(session, abi::BINARY, b"hello"), DONE);
    let expected = [
        "send 12 2 hello",
        "flush 12",
        "join 12 room",
        "leave 12 room",
        "close 12 1000 bye",
        "publish room 1 hi except 0",
        "publish room 2  except 12",
        "broadcast 1 hi except 0",
        "broadcast 1 hi except 12",
        "broadcast 1 hi except 0",
    ];
    assert_eq!(caller.host.noted(), expected);
    assert_eq!(caller.close(session), DONE);
    caller.destroy();
}

#[test]
fn timers_and_log_lines_arrive() {
    let caller = Instance::<Caller>::new();
    assert_eq!(caller.timer(), DONE);
    assert_eq!(
        caller.host.noted(),
        ["set_timer 2 0", "set_timer 60000 60000", "cancel_timer 9"]
    );
    caller.destroy();
    let logged = |level: u32, target_end: &str, text: &str| {
        log_lines().iter().any(|(line_level, target, message)| {
            *line_level == level
                && target.starts_with("plugin::")
                && target.ends_with(target_end)
                && message == text
        })
    };
    assert!(logged(3, "", "{\"answer\": 42}"));
    assert!(logged(2, "::some_crate::room", "not the plugin's own"));
    assert!(!logged(4, "", "below the level"));
}
