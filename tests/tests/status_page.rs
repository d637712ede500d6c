//! The status page in a real browser: what whoever runs the server sees, and what he can do there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;
use tests::webdriver::{Browser, ENTER, Window};
use tests::{ADMIN, Admin, Client, Raw, Server, Setup, TOKEN};

#[track_caller]
fn open<'a>(browser: &'a Browser, server: &Server) -> Window<'a> {
    let window = browser.open(&format!("http://{}/status", Admin::of(server).0));
    window.wait_until("document.getElementById('state').textContent === 'ready'");
    window
}

/// The text of a row of a table, by its key.
fn row(table: &str, key: &str) -> String {
    let key = json!(key).to_string();
    format!(
        "[...document.querySelectorAll('#{table} tr')].find((row) => row.dataset.key === {key})?.innerText"
    )
}

#[test]
fn a_person_sees_who_is_connected_and_closes_one() {
    let (server, _) = Admin::start(&["echo", "chat"]);
    let browser = Browser::start();
    let window = open(&browser, &server);
    let mut stays = Client::connect(&server, "/echo");
    let of = [("X-Forwarded-For", "203.0.113.7")];
    let mut goes = Client::connect_with(&server, "/chat", &of).expect("it is admitted");
    goes.send("hello");
    assert_eq!(goes.text(), "Client 1: hello");
    window.wait_until(&format!(
        "/203\\.0\\.113\\.7.*\\/chat.*websocket/s.test({})",
        row("clients", "2")
    ));
    window.wait_until("document.getElementById('found').textContent === '2'");
    // What is drawn has a path for each series, and the newest value beside its name.
    window.wait_until("document.querySelectorAll('#charts path[d^=M]').length >= 8");
    window.wait_until(
        "/Clients.*on a route 2/s.test(document.querySelector('#charts figure').innerText)",
    );
    let close = "tr[data-key=\"2\"] button";
    window.click(close);
    window.wait_until(&format!(
        "document.querySelector('{close}').textContent === 'Sure?'"
    ));
    window.click(close);
    assert_eq!(goes.closed(), (1008, "closed by the operator".to_owned()));
    window.wait_until("document.getElementById('said').textContent === '1 connection closed'");
    window.wait_until("!document.querySelector('tr[data-key=\"2\"]')");
    stays.send("here");
    assert_eq!(stays.text(), "here");
    server.wait_for_log(&["who says to be status page closes 203.0.113.7 client 2 on /chat"]);
    // And the log, with that line, stands on the page.
    window.wait_until(
        "document.getElementById('log').textContent.includes('who says to be status page')",
    );
}

#[test]
fn who_is_slow_stands_first_and_is_marked() {
    let text = format!("[client]\nbacklog = \"64 MiB\"\nmessage = \"1 MiB\"\n{ADMIN}");
    let server = Setup::new().plugins(&["chat"]).configuration(&text).start();
    let browser = Browser::start();
    let mut first = Client::connect(&server, "/chat");
    let _slow = Raw::upgrade(&server, "/chat");
    let long = "x".repeat(1_000_000);
    for _ in 0..8 {
        first.send(&long);
        first.text();
    }
    let window = open(&browser, &server);
    let top = "document.querySelector('#clients tbody tr')";
    window.wait_until(&format!("{top}?.dataset.key === '2' && {top}.className === 'slow' && /MiB.*slow/s.test({top}.innerText)"));
    assert!(window.eval("document.querySelectorAll('#clients tbody tr').length") == json!(2));
}

#[test]
fn what_goes_into_files_of_journals_and_who_comes_back_is_drawn() {
    let route = "[[route]]\npath = \"/push\"\nplugin = \"push\"\n[route.journal]\nfile = \"push.journal\"\n";
    let setup = Setup::new().plugins(&["push"]);
    let server = setup.configuration(&format!("{ADMIN}{route}")).start();
    let browser = Browser::start();
    let window = open(&browser, &server);
    let is_over = AtomicBool::new(false);
    let post = "POST /push?durable HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx";
    let value = |chart: &str, series: &str| {
        format!(
            "[...([...document.querySelectorAll('#more-charts figure')].find((one) => one.querySelector('figcaption > span').textContent === '{chart}')?.querySelectorAll('.series') ?? [])]\
             .find((one) => one.textContent.startsWith('{series} '))?.querySelector('b').textContent"
        )
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(Raw::answer(&server, post).0, 200);
                let mut gone = Client::connect(&server, "/push?since=nonsense");
                assert_eq!(gone.closed().0, 4410);
            }
        });
        let _over = Over(&is_over);
        for (chart, series) in [
            ("Into files of journals", "stored"),
            ("Who came back", "told of a gap"),
        ] {
            let value = value(chart, series);
            window.wait_until(&format!("/[1-9]/.test({value})"));
        }
        let lost = value("Into files of journals", "not stored");
        assert_eq!(window.eval(&lost), json!("0.0/s"));
        let waiting = value("Waiting for the disk", "messages");
        window.wait_until(&format!("/B$/.test({waiting})"));
    });
}

#[test]
fn a_route_goes_out_of_service_and_comes_back() {
    let (server, _) = Admin::start(&["echo", "chat"]);
    let browser = Browser::start();
    let window = open(&browser, &server);
    let of_echo = "tr[data-key=\"/echo\"]";
    let button = &format!("{of_echo} button");
    window.wait_until(&format!(
        "window.first = document.querySelector('{button}')"
    ));
    let mut client = Client::connect(&server, "/echo");
    // What is shown anew leaves the button under the hand that is about to click.
    let opened = format!("document.querySelector('{of_echo} [data-head=opened]').textContent");
    window.wait_until(&format!("{opened} === '1'"));
    let is_same = window.eval(&format!(
        "window.first === document.querySelector('{button}')"
    ));
    assert_eq!(is_same, json!(true));
    for _ in 0..2 {
        window.click(button);
    }
    assert_eq!(client.closed().0, 1001);
    window.wait_until(&format!(
        "document.querySelector('{button}').textContent === 'Put in'"
    ));
    assert_eq!(Raw::answer(&server, tests::handshake("/echo", &[])).0, 503);
    for _ in 0..2 {
        window.click(button);
    }
    window.wait_until(&format!(
        "document.querySelector('{button}').textContent === 'Take out'"
    ));
    drop(Client::connect(&server, "/echo"));
}

#[test]
fn a_reload_says_how_it_went_and_a_level_holds() {
    let (server, _) = Admin::start(&["echo"]);
    let browser = Browser::start();
    let window = open(&browser, &server);
    server.configure(&format!("stop_timeout = \"never\"\n{ADMIN}"));
    window.click("#reload");
    window.wait_until("/^refused, .*`stop_timeout`: \"never\" is no time/.test(document.getElementById('said').textContent)");
    window.wait_until("document.getElementById('said').className === 'bad'");
    server.configure(&format!("stop_timeout = \"9s\"\n{ADMIN}"));
    window.click("#reload");
    window.wait_until("document.getElementById('said').textContent === 'stop_timeout'");
    window.press("#level", "debug");
    window.wait_until(
        "document.getElementById('said').textContent === 'log level debug until the next reload'",
    );
    drop(Client::connect(&server, "/echo"));
    window.wait_until("document.getElementById('log').textContent.includes('has come')");
}

#[test]
fn a_token_is_asked_for_where_one_is_wanted() {
    let (_server, admin) = Admin::start_with_token(&["echo"]);
    let browser = Browser::start();
    let window = browser.open(&format!("http://{}/status", admin.0));
    window.wait_until("!document.getElementById('login').hidden");
    assert_eq!(window.eval("document.getElementById('main').hidden"), true);
    window.press("#token", &format!("wrong{ENTER}"));
    window.wait_until("document.getElementById('state').textContent === 'a token is wanted'");
    window.press("#token", &format!("{TOKEN}{ENTER}"));
    window.wait_until("document.getElementById('state').textContent === 'ready'");
    assert_eq!(window.eval("document.getElementById('login').hidden"), true);
}

/// Another origin, which is what a page of elsewhere is: here that of the ordinary listener.
#[test]
fn a_page_of_elsewhere_neither_reads_nor_orders_nor_frames() {
    let (server, _) = Admin::start(&["chat"]);
    let browser = Browser::start();
    let mut client = Client::connect(&server, "/chat");
    let window = browser.open(&format!("http://{}/chat", server.address()));
    let admin = Admin::of(&server).0;
    window.eval(&format!(
        "void (async () => {{
            const tried = [];
            for (const [path, options] of [
                ['/clients', {{}}],
                ['/kick?route=/chat', {{ method: 'POST' }}],
                ['/kick?route=/chat', {{ method: 'POST', headers: {{ 'X-Detent-Admin': 'x' }} }}],
                ['/kick?route=/chat', {{ method: 'POST', mode: 'no-cors' }}],
            ]) {{
                try {{ tried.push((await fetch('http://{admin}' + path, options)).type); }}
                catch (error) {{ tried.push('refused'); }}
            }}
            const frame = document.createElement('iframe');
            frame.src = 'http://{admin}/status';
            frame.onload = () => {{
                let inside = 'none';
                try {{ inside = frame.contentDocument ? 'ours' : 'theirs'; }} catch (error) {{ inside = 'theirs'; }}
                document.title = [...tried, inside].join(' ');
            }};
            document.body.append(frame);
        }})()"
    ));
    window.wait_until("document.title.includes('refused refused refused')");
    let title = window.eval("document.title").to_string();
    // What it may send without asking is answered with nothing that it could read.
    assert!(
        title.contains("opaque") || title.contains("refused refused refused refused"),
        "{title}"
    );
    client.send("still here");
    assert!(client.text().ends_with("still here"));
    assert_eq!(server.count_log(&["closes"]), 0);
}

/// A label is what a stranger may have chosen, and a rate is what a look has more than the one before.
#[test]
fn on_a_phone_labels_are_text_and_rates_are_told_in_light_and_dark() {
    const LABEL: &str = "R\u{f6}m & <b>s\u{f6}hne</b> <img src=x onerror=document.title='run'>";
    let (server, _) = Admin::start(&["probe", "echo"]);
    let browser = Browser::start();
    let window = open(&browser, &server);
    let mut labelled = Client::connect(&server, "/probe");
    labelled.send(&format!("label {LABEL}"));
    assert_eq!(labelled.text(), "labelled");
    window.resize(320, 568);
    let mut busy = Client::connect(&server, "/echo");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                busy.send("hello");
                busy.text();
            }
        });
        let _over = Over(&is_over);
        let cell = |table: &str, key: &str, head: &str| {
            let key = json!(key).to_string();
            format!(
                "[...document.querySelectorAll('#{table} tr')].find((row) => row.dataset.key === {key})?.cells[[...document.querySelectorAll('#{table} th')].findIndex((head) => head.textContent === '{head}')]"
            )
        };
        for scheme in ["light", "dark"] {
            window.prefer(scheme);
            window.wait_until(&format!(
                "matchMedia('(prefers-color-scheme: {scheme})').matches"
            ));
            let label = cell("clients", "1", "Label");
            let wanted = json!(LABEL);
            window.wait_until(&format!("{label}?.textContent === {wanted}"));
            assert_eq!(window.eval(&format!("{label}.childElementCount")), 0);
            let is_shown = format!(
                "(() => {{ const box = {label}.getBoundingClientRect(); return box.width > 0 && box.left >= 0 && box.right <= innerWidth; }})()"
            );
            assert_eq!(window.eval(&is_shown), true, "{scheme}");
            for head in ["In", "Out"] {
                let rate = cell("routes", "/echo", head);
                window.wait_until(&format!(
                    "/^[1-9][0-9,.]*\\/s$/.test({rate}?.textContent) && getComputedStyle({rate}).display !== 'none'"
                ));
            }
            // Of who is silent nothing is told.
            let silent = cell("routes", "/probe", "In");
            window.wait_until(&format!("getComputedStyle({silent}).display === 'none'"));
            assert_eq!(
                window.eval("document.documentElement.scrollWidth <= innerWidth"),
                true,
                "{scheme}"
            );
        }
    });
    assert_ne!(window.eval("document.title"), "run");
}

/// Ends what goes on beside a test, also where that fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn it_fits_the_width_of_a_phone_in_light_and_dark() {
    let (server, _) = Admin::start(&["echo", "chat"]);
    let browser = Browser::start();
    let window = open(&browser, &server);
    let _client = Client::connect(&server, "/echo");
    window.resize(320, 568);
    window.wait_until("document.querySelector('#clients tbody tr')?.dataset.key === '1'");
    assert_eq!(window.eval("innerWidth"), 320);
    let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(window.eval(overflow), 0, "the page scrolls sideways");
    let contrast = "(() => {
        const channel = (value) => { value /= 255; return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
        const light = (color) => { const [r, g, b] = color.match(/[\\d.]+/g).map(Number); return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
        const page = light(getComputedStyle(document.body).backgroundColor);
        return ['body', 'h1 small', '#state', '#clients th', '#log'].map((part) => {
            const text = light(getComputedStyle(document.querySelector(part)).color);
            return (Math.max(page, text) + 0.05) / (Math.min(page, text) + 0.05);
        }).every((ratio) => ratio >= 4.5);
    })()";
    let background = "getComputedStyle(document.body).backgroundColor";
    let mut seen = Vec::new();
    for scheme in ["light", "dark"] {
        window.prefer(scheme);
        window.wait_until(&format!(
            "matchMedia('(prefers-color-scheme: {scheme})').matches"
        ));
        assert_eq!(window.eval(contrast), true, "{scheme}: text can be read");
        seen.push(window.eval(background));
    }
    assert_ne!(seen[0], seen[1]);
    assert_eq!(window.eval("performance.getEntriesByType('resource').every((one) => one.name.startsWith(location.origin) || one.name.startsWith('data:'))"), true);
}
