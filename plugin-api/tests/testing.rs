//! The kit for tests of plugins, on a plugin that is compiled in: what an author sees of it. That it keeps the server's
//! promises is held by the suite of the workspace that runs on both.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use plugin_api::testing::{Ask, Route, SendAnswer};
use plugin_api::{
    Cause, Client, Config, ConfigError, Fault, FaultKind, Host, Kind, Message, Page, Plugin,
    Reconfigured, Request, Response, Result, Saved, Timer, Upgrade, load, save,
};

#[derive(Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    greeting: String,
    every_seconds: u64,
}

/// Does what it is told.
struct Lab {
    host: Host,
    options: Mutex<Options>,
    total: AtomicU64,
    inside: Barrier,
}

impl Plugin for Lab {
    type Session = u64;

    fn create(host: Host, config: Config) -> Result<Self> {
        let options: Options = config.parse()?;
        if options.greeting.len() > 5 {
            return Err(ConfigError::new("greeting", "too long").into());
        }
        if options.every_seconds > 0 {
            host.set_interval(Duration::from_secs(options.every_seconds))?;
        }
        Ok(Lab {
            host,
            options: Mutex::new(options),
            total: AtomicU64::new(0),
            inside: Barrier::new(2),
        })
    }

    fn on_upgrade(&self, request: &Request) -> Result<Upgrade> {
        if request.cookie("banned").is_some() {
            return Ok(Upgrade::refuse(Response::text("no\n").status(403)));
        }
        Ok(Upgrade::accept().header("X-Lab", "yes"))
    }

    fn on_open(&self, client: &Client, request: &Request) -> Result<u64> {
        if request.query("fail").is_some() {
            return Err("told to fail".into());
        }
        client.send(format!(
            "{} {} {} {} {:?} {:?} {}",
            request.query("nick").as_deref().unwrap_or("nobody"),
            request.param("room").unwrap_or("-"),
            request.client_ip().unwrap(),
            request.is_inside(),
            request.kind(),
            request.page(),
            request.cookie("colour").unwrap_or("-"),
        ))?;
        Ok(0)
    }

    fn on_message(&self, client: &Client, count: &mut u64, message: Message) -> Result {
        *count += 1;
        let total = self.total.fetch_add(1, Ordering::Relaxed) + 1;
        match message.to_string().as_str() {
            "panic" => panic!("told to panic"),
            "meet" => drop(self.inside.wait()),
            "close" => client.close(4000, "as you wish")?,
            "greet" => {
                let greeting = self.options.lock().unwrap().greeting.clone();
                client.send(greeting)?;
            }
            "send" => {
                let sent = client.send("sent");
                self.host.broadcast(format!("{sent:?}"))?;
            }
            "metric" => {
                let orders = self
                    .host
                    .metrics()?
                    .counters("orders", "Orders", ["kind"])?;
                orders.with(["big"])?.increment();
            }
            "thread" => {
                let host = self.host;
                thread::spawn(move || host.broadcast("from a thread").unwrap())
                    .join()
                    .unwrap();
            }
            _ => drop(client.send(format!("{count} {total}"))?),
        }
        Ok(())
    }

    fn on_close(&self, client: &Client, count: u64, cause: &Cause) -> Result {
        plugin_api::log::info!(
            "closed {} after {count}: {cause} {:?}",
            client.id(),
            cause.initiator()
        );
        Ok(())
    }

    fn on_error(&self, client: &Client, _: &mut u64, fault: &Fault) -> Result {
        plugin_api::log::warn!("error of {}: {:?}", client.id(), fault.kind());
        match fault.kind() {
            FaultKind::Transport => Ok(()),
            _ => Err(fault.clone().into()),
        }
    }

    fn on_request(&self, request: &Request) -> Result<Response> {
        let form = request.form()?;
        Ok(Response::json(&(request.method(), form.get("nick")))?.status(201))
    }

    fn on_timer(&self, _: Timer) -> Result {
        self.host.broadcast("tick")?;
        Ok(())
    }

    fn reconfigure(&self, config: Config) -> Result<Reconfigured> {
        let options: Options = config.parse()?;
        if options.greeting == "anew" {
            return Ok(Reconfigured::HandOver);
        }
        *self.options.lock().unwrap() = options;
        Ok(Reconfigured::Done)
    }

    fn save_state(&self) -> Result<Option<Vec<u8>>> {
        save(&self.total)
    }

    fn save_session(&self, _: &Client, count: &u64) -> Result<Option<Vec<u8>>> {
        save(count)
    }

    fn resume(host: Host, config: Config, state: Saved<'_>) -> Result<Self> {
        let lab = Self::create(host, config)?;
        lab.total.store(load(state)?, Ordering::Relaxed);
        Ok(lab)
    }

    fn on_resume(
        &self,
        client: &Client,
        request: &Request,
        count: Option<Saved<'_>>,
    ) -> Result<u64> {
        count.map_or_else(|| self.on_open(client, request), load)
    }
}

plugin_api::export!(
    Lab,
    path = "/lab",
    options = Options,
    more_paths = ["/lab/{room}"],
    event_stream = true,
    state_format = 1
);

fn lab() -> Route {
    Route::of::<Lab>().start()
}

/// A client that has read its greeting.
fn guest(route: &Route) -> plugin_api::testing::Client {
    let client = route.connect("/lab");
    client.text();
    client
}

#[test]
fn a_request_of_choice_reaches_the_plugin() {
    let route = lab();
    let client = route.connect("/lab?nick=J%C3%BCrg");
    assert_eq!(client.header("x-lab"), Some("yes"));
    assert_eq!(client.text(), "Jürg - 127.0.0.1 false WebSocket None -");
    let ask = Ask::get("/lab/green%20room")
        .from("2001:db8::1")
        .inside()
        .from_own_page()
        .cookie("colour", "red")
        .event_stream();
    let listener = route.connect(&ask);
    let expected = format!(
        "nobody green room 2001:db8::1 true {:?} {:?} red",
        Kind::EventStream,
        Some(Page::Own)
    );
    assert_eq!(listener.text(), expected);
    let Err(refusal) = route.try_connect(Ask::get("/lab").cookie("banned", "1")) else {
        panic!("it is let in");
    };
    assert_eq!(
        (refusal.status_code(), &*refusal.body_text()),
        (403, "no\n")
    );
    assert_eq!(
        route.try_connect("/elsewhere").unwrap_err().status_code(),
        404
    );
}

#[test]
fn a_plain_request_is_answered() {
    let answer = lab().request(Ask::post("/lab").form(&[("nick", "J ü"), ("x", "y")]));
    assert_eq!(answer.status_code(), 201);
    assert_eq!(
        answer.header_value("content-type"),
        Some("application/json")
    );
    assert_eq!(answer.body_text(), "[\"POST\",\"J ü\"]");
}

#[test]
fn every_end_is_told_once() {
    let route = lab();
    let clients: Vec<_> = (0..5).map(|_| guest(&route)).collect();
    clients[0].close(1000, "bye");
    clients[1].cut();
    clients[2].break_off();
    clients[3].vanish();
    clients[4].send("close");
    assert_eq!(clients[4].closed(), Some((4000, "as you wish".to_owned())));
    clients[4].send("never heard");
    let closed: Vec<_> = route
        .log()
        .into_iter()
        .filter(|line| line.contains("closed"))
        .collect();
    let expected = [
        "closed 1 after 0: 1000 bye Peer",
        "closed 2 after 0: 1006 the connection ended without a Close frame Peer",
        "closed 3 after 0: 1006 Connection reset by peer (os error 104) Peer",
        "closed 4 after 0: 1006 no pong within 10s Peer",
        "closed 5 after 1: 4000 as you wish Plugin",
    ];
    assert_eq!(closed.len(), expected.len(), "{closed:#?}");
    for (line, end) in closed.iter().zip(expected) {
        assert!(line.ends_with(end), "{line}");
    }
    guest(&route);
    let counts = route.stop();
    assert_eq!((counts.opened, counts.closed), (6, 6));
}

#[test]
fn a_panic_is_in_the_log_with_its_place_and_ends_its_client() {
    let route = lab();
    let client = guest(&route);
    client.send("panic");
    assert_eq!(
        client.closed(),
        Some((1011, "the plugin panicked".to_owned()))
    );
    let log = route.log().join("\n");
    assert!(log.contains("told to panic"), "{log}");
    assert!(log.contains("tests/testing.rs:"), "{log}");
    assert_eq!(route.counts().closed, 1);
}

#[test]
fn an_open_that_fails_is_counted() {
    let route = lab();
    let client = route.connect("/lab?fail");
    assert_eq!(
        client.closed(),
        Some((1011, "the plugin failed".to_owned()))
    );
    let counts = route.counts();
    assert_eq!(
        (counts.opened, counts.open_failed, counts.closed),
        (0, 1, 0)
    );
}

#[test]
fn options_are_set_checked_and_changed() {
    let start = |greeting: &str| Route::of::<Lab>().option("greeting", greeting);
    let refused = start("too long").try_start().err();
    assert_eq!(
        refused.as_deref(),
        Some("create failed: option `greeting`: too long")
    );
    assert_eq!(start("fine").check(), Ok(()));
    let unknown = start("").option("colour", 7).check().unwrap_err();
    assert!(
        unknown.starts_with("option `colour`: unknown field"),
        "{unknown}"
    );
    let mut route = start("hi").start();
    let client = guest(&route);
    client.send("greet");
    route.reload_with("greeting", "ho").unwrap();
    client.send("greet");
    assert_eq!(client.texts(), ["hi", "ho"]);
    assert_eq!(route.counts().handed_over, 0);
    route.reload_with("greeting", "anew").unwrap();
    client.send("greet");
    assert_eq!(client.texts(), ["anew"]);
    assert_eq!(route.counts().handed_over, 1);
    assert!(route.reload_with("colour", 7).is_err());
}

#[test]
fn time_passes_only_when_it_is_let() {
    let route = Route::of::<Lab>().option("every_seconds", 60).start();
    let client = guest(&route);
    assert_eq!(route.next_timer(), Some(Duration::from_secs(60)));
    route.advance(Duration::from_secs(59));
    assert_eq!(client.next(), None);
    route.advance(Duration::from_secs(121));
    assert_eq!(client.texts(), ["tick"; 3]);
    assert!(route.fire_next_timer());
    assert_eq!(client.texts(), ["tick"]);
    assert_eq!(route.next_timer(), Some(Duration::from_secs(60)));
}

#[test]
fn sends_fail_where_a_test_wants_it() {
    let route = lab();
    let (client, other) = (guest(&route), guest(&route));
    for (answer, told) in [
        (None, "Ok(Queued)"),
        (Some(SendAnswer::Gone), "Ok(Gone)"),
        (Some(SendAnswer::Invalid), "Err(Refused(-1))"),
    ] {
        client.let_sends_answer(answer);
        client.send("send");
        assert_eq!(other.text(), told);
    }
}

#[test]
fn state_and_sessions_are_handed_over() {
    let route = lab();
    let client = guest(&route);
    client.send("count");
    client.send("count");
    route.replace_by_itself().unwrap();
    client.send("count");
    assert_eq!(client.texts(), ["1 1", "2 2", "3 3"]);
    client.close(1000, "");
    let counts = route.stop();
    assert_eq!(
        (counts.opened, counts.closed, counts.handed_over),
        (1, 1, 1)
    );
}

/// Two clients are inside their callbacks at once: the plugin's barrier lets neither go before.
#[test]
fn clients_are_driven_from_several_threads() {
    let route = lab();
    let (ann, bob) = (guest(&route), guest(&route));
    thread::scope(|scope| {
        scope.spawn(|| ann.send("meet"));
        bob.send("meet");
    });
    ann.send("count");
    assert_eq!(ann.text(), "2 3");
}

/// The callbacks of one client wait for each other, whoever drives it.
#[test]
fn callbacks_of_one_client_never_overlap() {
    let route = lab();
    let client = Arc::new(guest(&route));
    thread::scope(|scope| {
        for _ in 0..4 {
            let client = client.clone();
            scope.spawn(move || (0..50).for_each(|_| client.send("count")));
        }
    });
    let mut texts = client.texts();
    assert_eq!(texts.len(), 200);
    assert_eq!(texts.pop().as_deref(), Some("200 200"));
}

#[test]
fn a_replacement_does_not_wait_for_a_callback_that_blocks() {
    let route = lab();
    let (ann, bob) = (guest(&route), guest(&route));
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let blocked = ann.clone();
        scope.spawn(move || {
            tell.send(()).unwrap();
            blocked.send("meet");
        });
        told.recv().unwrap();
        // It is inside as soon as a replacement is refused for it.
        while route.replace_by_itself().is_ok() {
            thread::yield_now();
        }
        bob.send("meet");
    });
    assert_eq!(route.replace_by_itself(), Ok(()));
}

#[test]
fn metrics_and_threads_of_the_plugin_are_seen() {
    let route = lab();
    let client = guest(&route);
    client.send("metric");
    client.send("metric");
    assert_eq!(route.metric("orders", &["big"]), Some(2.0));
    assert_eq!(route.metric("orders", &["small"]), None);
    client.send("thread");
    assert_eq!(client.text(), "from a thread");
}

#[test]
#[should_panic(expected = "client 1 got nothing more; it is open")]
fn a_test_that_expects_too_much_fails_and_says_why() {
    guest(&lab()).text();
}

/// A session that nobody can make without a name.
struct Named(String);

struct Register;

impl Plugin for Register {
    type Session = Named;

    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Register)
    }

    fn on_open(&self, _: &Client, request: &Request) -> Result<Named> {
        let nick = request.query("nick").ok_or("no nick")?;
        Ok(Named(nick.into_owned()))
    }

    fn on_message(&self, client: &Client, named: &mut Named, _: Message) -> Result {
        client.send(named.0.as_str())?;
        Ok(())
    }
}

struct Forgetful;

impl Plugin for Forgetful {
    type Session = Named;

    fn create(_: Host, _: Config) -> Result<Self> {
        Ok(Forgetful)
    }
}

/// As the macro makes it; a program has room for one.
macro_rules! exported {
    ($($plugin:ident),*) => {$(
        impl plugin_api::declaration::Exported for $plugin {
            plugin_api::export!(@session $plugin);

            const DECLARATION: plugin_api::declaration::Declaration =
                plugin_api::declaration::Declaration::new("named", "1.0.0", module_path!(), "/named");
        }
    )*};
}

exported!(Register, Forgetful);

#[test]
fn a_session_need_not_have_a_default() {
    let route = Route::of::<Register>().start();
    let ann = route.connect("/named?nick=ann");
    ann.send("who");
    assert_eq!(ann.text(), "ann");
}

#[test]
fn who_opens_no_session_that_has_no_default_is_told() {
    let route = Route::of::<Forgetful>().start();
    let ann = route.connect("/named");
    assert_eq!(ann.closed(), Some((1011, "the plugin failed".to_owned())));
    let words = "on_open failed: on_open is not implemented, and the session has no `Default`: implement one of the two";
    let log = route.log();
    assert!(log.iter().any(|line| line.contains(words)), "{log:#?}");
}
