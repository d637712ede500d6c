//! The message board's page in a real browser: what a person who opens it sees, types and gets.

use tests::secure;
use tests::webdriver::{Browser, ENTER, Window};
use tests::{ADMIN, Admin, Client, Server, Setup, json_line};

const CONNECTED: &str = "document.getElementById('status').textContent === 'Connected'";
const LAST_ENTRY: &str = "document.querySelector('#timeline > :last-child')?.textContent";

#[test]
fn what_one_types_the_other_reads() {
    let server = Server::start();
    let browser = Browser::start();
    let (first, second) = (open(&browser, &server), open(&browser, &server));

    first.press("#message", &format!("sent by Enter{ENTER}"));
    assert_reads(&[&first, &second], "Client 1: sent by Enter");

    second.press("#message", "sent by the button");
    second.click("#send");
    assert_reads(&[&first, &second], "Client 2: sent by the button");
    assert_eq!(second.eval("document.getElementById('message').value"), "");
}

/// The pages of both say and hear JSON, beside a client that compresses nothing; the browser tells what was agreed.
#[test]
fn a_browser_compresses_with_windows_that_are_kept_and_not() {
    const FORGETS: &str =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let configuration = |mode| format!("{ADMIN}[client]\ncompression = \"{mode}\"\n");
    let browser = Browser::start();
    for (mode, agreed) in [
        ("shared", FORGETS),
        ("full", "permessage-deflate"),
        ("off", ""),
    ] {
        let setup = Setup::new().plugins(&["chat", "echo"]);
        let server = setup.configuration(&configuration(mode)).start();
        let mut plain = Client::connect(&server, "/chat");
        let window = open(&browser, &server);
        // What is waited for has to show in the page.
        window.eval(&format!(
            "void (window.seen = {{}}, window.sockets = {{}}, ['chat', 'echo'].forEach((name) => {{
              const socket = sockets[name] = new WebSocket('ws://{}/' + name);
              const note = () => {{ document.body.dataset[name] = socket.readyState + ':' + seen[name].length; }};
              seen[name] = [];
              socket.onopen = note;
              socket.onmessage = (event) => {{ seen[name].push(event.data); note(); }};
            }}))",
            server.address()
        ));
        let shows = |count| {
            let both = ["chat", "echo"]
                .map(|name| format!("document.body.dataset.{name} === '1:{count}'"));
            window.wait_until(&both.join(" && "));
        };
        shows(0);
        let extensions = window.eval("Object.values(sockets).map((socket) => socket.extensions)");
        assert_eq!(extensions, serde_json::json!([agreed, agreed]));
        let texts: Vec<_> = (0..12)
            .map(|number| json_line(number % 3, 400 + 3000 * (number % 4)))
            .collect();
        let said = serde_json::json!(texts);
        window.eval(&format!("void {said}.forEach((text) => Object.values(sockets).forEach((socket) => socket.send(text)))"));
        shows(12);
        assert!(
            window.eval("seen.echo") == said,
            "each answer is what was said"
        );
        // Its page is the first in the room, and the socket comes behind it.
        let heard: Vec<_> = (0..12).map(|_| plain.text()).collect();
        assert!(
            window.eval("seen.chat") == serde_json::json!(heard),
            "all hear the same"
        );
        for (text, heard) in texts.iter().zip(&heard) {
            assert!(heard.ends_with(text), "{heard}");
        }
        let count = ["in", "out"].map(|way| {
            let name = format!("detent_compressed_messages_total{{way=\"{way}\"}}");
            Admin::of(&server).metric(&name).expect("it is counted")
        });
        // Each was said twice, and a broadcast is compressed once for all in a form: the socket's frames, and the
        // envelopes in which the board's page hears positions.
        let expected = if agreed.is_empty() {
            [0.0; 2]
        } else {
            [24.0, 36.0]
        };
        assert_eq!(count, expected, "{mode}");
    }
}

/// As with one who gives a certificate and a key and has `wss://`: the page by `https://`, what it says and hears, an
/// event stream beside it, a new certificate under both, and the stop.
#[test]
fn the_board_and_an_event_source_work_by_tls() {
    let (mut server, authority) = secure::start_of(&["chat", "push"], "");
    let home = server.folder().join("home");
    authority.trust_in(&home);
    let browser = Browser::start_with(Some(&home), &[]);
    let place = format!("https://localhost:{}", secure::address(&server).port());
    let window = browser.open(&format!("{place}/chat"));
    window.wait_until(CONNECTED);
    let mut plain = Client::connect(&server, "/chat");
    window.press("#message", &format!("by TLS{ENTER}"));
    assert_reads(&[&window], "Client 1: by TLS");
    assert_eq!(plain.text(), "Client 1: by TLS");
    window.eval(
        "(window.seen = [], window.source = new EventSource('/push/news'),
          source.onmessage = (event) => { document.body.dataset.news = event.data; },
          source.onopen = () => { document.body.dataset.opened = '1'; },
          source.addEventListener('close', (event) => { document.body.dataset.end = event.data; }), 0)",
    );
    window.wait_until("document.body.dataset.opened === '1'");
    authority
        .sign(&["localhost"], 60)
        .write(server.folder(), "own");
    server.reload();
    Client::connect(&server, "/push/news").send("it rains");
    window.wait_until("document.body.dataset.news === 'it rains'");
    plain.send("still here");
    let still_here = format!("{LAST_ENTRY}.endsWith('still here')");
    window.wait_until(&still_here);
    // Who comes now is shown the new one.
    let second = browser.open(&format!("{place}/chat"));
    second.wait_until(CONNECTED);
    server.stop();
    window.wait_until("document.body.dataset.end?.startsWith('1001')");
}

/// An `EventSource`, which comes back by itself when the server does.
#[test]
fn an_event_source_listens_and_comes_back() {
    let mut server = Server::start();
    let browser = Browser::start();
    let window = open(&browser, &server);
    window.eval(
        "(window.seen = [], window.source = new EventSource('/push/news'),
          source.onmessage = (event) => { seen.push(event.data); document.title = seen.join(); },
          source.onopen = () => { document.body.dataset.opened = (+document.body.dataset.opened || 0) + 1; },
          source.addEventListener('close', (event) => { document.body.dataset.end = event.data; }), 0)",
    );
    window.wait_until("document.body.dataset.opened === '1'");
    let mut insider = Client::connect(&server, "/push/news");
    insider.send("one\r\nline");
    window.wait_until("document.title.startsWith('one')");
    assert_eq!(window.eval("seen[0]"), "one\nline");
    server.stop();
    window.wait_until("document.body.dataset.end?.startsWith('1001')");
    server.start_again();
    window.wait_until("document.body.dataset.opened === '2'");
    Client::connect(&server, "/push/news").send("two");
    window.wait_until("document.title.endsWith('two')");
}

/// The route ends each stream after a moment, and all the while somebody speaks.
#[test]
fn an_event_source_that_is_cut_again_and_again_misses_nothing() {
    let setup = Setup::new().plugins(&["chat", "push"]);
    let server = setup
        .configuration("[[route]]\npath = [\"/push\", \"/push/{topic}\"]\nplugin = \"push\"\nlifetime = \"300ms\"\n")
        .start();
    let browser = Browser::start();
    let window = open(&browser, &server);
    window.eval(
        "(window.seen = [], window.source = new EventSource('/push/news'),
          source.onmessage = (event) => { seen.push(event.data); document.title = event.data; },
          source.onopen = () => { document.body.dataset.opened = (+document.body.dataset.opened || 0) + 1; },
          source.addEventListener('gap', () => seen.push('gap')), 0)",
    );
    window.wait_until("document.body.dataset.opened === '1'");
    let mut said = 0;
    tests::wait_until("it has come back three times", || {
        // A few at a time: while it is away no more may be said than are kept.
        let mut speaker = Client::connect(&server, "/push/elsewhere?topic=news");
        for _ in 0..3 {
            speaker.send(&said.to_string());
            said += 1;
        }
        speaker.close(1000, "");
        window.wait_until(&format!("document.title === '{}'", said - 1));
        window.eval("+document.body.dataset.opened >= 4") == true
    });
    let expected: Vec<_> = (0..said).map(|number| number.to_string()).collect();
    assert_eq!(window.eval("seen"), serde_json::json!(expected));
}

const SAID: &str = "document.querySelector('#messages > :first-child')?.lastChild.textContent";

#[test]
fn the_page_of_push_listens_publishes_and_tells_an_absence() {
    let mut server = Server::start();
    let browser = Browser::start();
    let _other = Client::connect(&server, "/push/%3Cother%3E");
    let window = browser.open(&format!("http://{}/push/news", server.address()));
    const LISTENING: &str = "document.getElementById('status').textContent === 'Listening'";
    window.wait_until(LISTENING);
    assert_eq!(
        window.eval("document.getElementById('topic').textContent"),
        "news"
    );
    let links = "[...document.querySelectorAll('#topics a')].map((link) => link.textContent)";
    assert_eq!(window.eval(links), serde_json::json!(["<other> (1)"]));
    Client::connect(&server, "/push/news").send("<b>from inside</b>");
    window.wait_until(&format!("{SAID} === '<b>from inside</b>'"));
    window.press("#text", &format!("by the page{ENTER}"));
    window.wait_until(&format!("{SAID} === 'by the page'"));
    window.wait_until("document.getElementById('answer').textContent === 'Sent to 1 on news'");
    server.stop();
    window.wait_until("document.getElementById('status').dataset.state === 'away'");
    server.start_again();
    window.wait_until(LISTENING);
    // It was kept in memory.
    window.wait_until(&format!("{SAID}.startsWith('You missed something')"));
}

/// A board that keeps its past, under connections that end again and again while somebody speaks.
#[test]
fn a_page_that_is_cut_again_and_again_misses_no_line_of_a_board_with_a_past() {
    let route = "[[route]]\npath = \"/chat\"\nplugin = \"chat\"\nlifetime = \"400ms\"\n[route.options]\npast = 100\n";
    let server = Setup::new().plugins(&["chat"]).configuration(route).start();
    let say = |text: &str| {
        let mut speaker = Client::connect(&server, "/chat?since=now");
        speaker.send(text);
        speaker.close(1000, "");
    };
    for number in 0..3 {
        say(&format!("before {number}"));
    }
    let browser = Browser::start();
    let window = browser.open(&format!("http://{}/chat", server.address()));
    window.eval("void (window.opened = 0, new MutationObserver(() => { window.opened += document.getElementById('status').dataset.state === 'connected'; }).observe(document.getElementById('status'), { attributes: true }))");
    window.wait_until(&format!("{LAST_ENTRY}?.endsWith('before 2')"));
    let mut said = 0;
    tests::wait_until("it has come back three times", || {
        // A few at a time: while it is away no more may be said than are kept.
        for _ in 0..3 {
            say(&said.to_string());
            said += 1;
        }
        window.wait_until(&format!("{LAST_ENTRY}?.endsWith(': {}')", said - 1));
        window.eval("opened >= 4") == true
    });
    let texts = "[...document.querySelectorAll('#timeline li')].map((li) => li.lastChild.previousSibling.textContent)";
    let mut expected: Vec<_> = (0..3).map(|number| format!("before {number}")).collect();
    expected.extend((0..said).map(|number| number.to_string()));
    assert_eq!(window.eval(texts), serde_json::json!(expected));
    assert_eq!(
        window.eval("document.querySelectorAll('[data-past]').length >= 3"),
        true
    );
    // Nothing is lost, so that no mark says so.
    assert_eq!(
        window.eval("[...document.querySelectorAll('[data-gap]')].every((li) => li.dataset.gap.endsWith('this was said meanwhile.'))"),
        true
    );
}

#[test]
fn a_board_with_a_past_marks_what_is_not_kept_any_more() {
    let route = "[[route]]\npath = \"/chat\"\nplugin = \"chat\"\n[route.options]\npast = 2\n";
    let mut server = Setup::new().plugins(&["chat"]).configuration(route).start();
    let browser = Browser::start();
    let window = open(&browser, &server);
    window.press("#message", &format!("one{ENTER}"));
    assert_reads(&[&window], "Client 1: one");
    server.stop();
    window.wait_until("document.getElementById('status').dataset.state === 'away'");
    // The past is in memory.
    server.start_again();
    let mut speaker = Client::connect(&server, "/chat");
    for text in ["two", "three", "four"] {
        speaker.send(text);
        speaker.text();
    }
    window.wait_until(CONNECTED);
    window.wait_until(&format!("{LAST_ENTRY}?.endsWith('four')"));
    let gaps = "[...document.querySelectorAll('[data-gap]')].map((li) => li.dataset.gap)";
    let gaps = window.eval(gaps);
    let gap = gaps[0].as_str().expect("a gap");
    assert!(gap.starts_with("Away from "), "{gap}");
    assert!(
        gap.ends_with(": not all that was said then is kept."),
        "{gap}"
    );
    window.press("#message", &format!("live{ENTER}"));
    window.wait_until("document.querySelector('#timeline > :last-child').dataset.own === ''");
}

#[test]
fn markup_stays_text() {
    let server = Server::start();
    let browser = Browser::start();
    let (first, second) = (open(&browser, &server), open(&browser, &server));

    for markup in [
        "<b>x</b>",
        "<img src=x onerror=\"document.title='broken'\">",
        "<script>document.title='broken'</script>",
        "&lt;i&gt;",
    ] {
        first.press("#message", &format!("{markup}{ENTER}"));
        assert_reads(&[&first, &second], &format!("Client 1: {markup}"));
    }
    assert_eq!(
        second.eval("document.querySelectorAll('#timeline :is(img, i, script)').length"),
        0
    );
    // The page itself sets the name of who speaks in bold, and nothing else.
    assert_eq!(
        second.eval("[...document.querySelectorAll('#timeline b')].map((b) => b.textContent)"),
        serde_json::json!(["Client 1: ", "Client 1: ", "Client 1: ", "Client 1: "]),
    );
    assert_eq!(second.eval("document.title"), "Message board");
}

#[test]
fn comes_back_after_a_restart_with_what_was_typed() {
    let mut server = Server::start();
    let browser = Browser::start();
    let (first, second) = (open(&browser, &server), open(&browser, &server));

    server.stop();
    for window in [&first, &second] {
        window.wait_until("document.getElementById('status').dataset.state === 'away'");
    }
    // The close code and reason are the server's, for people to read.
    let status = first.eval("document.getElementById('status').textContent");
    assert_eq!(status, "Away: server is stopping (1001). Coming back…");
    first.press("#message", &format!("typed while away{ENTER}"));
    assert_eq!(
        first.eval("document.getElementById('message').value"),
        "typed while away"
    );
    assert_eq!(first.eval("document.getElementById('send').disabled"), true);

    server.start_again();
    first.wait_until(CONNECTED);
    second.wait_until(CONNECTED);
    first.press("#message", ENTER);
    // Who came back first is Client 1 of the new server.
    second.wait_until(&format!(
        "/^Client [12]: typed while away$/.test({LAST_ENTRY})"
    ));
}

#[test]
fn marks_what_one_has_said_oneself() {
    let server = Server::start();
    let browser = Browser::start();
    let (first, second) = (open(&browser, &server), open(&browser, &server));
    let own = "[...document.querySelectorAll('#timeline [data-own]')].map((li) => li.textContent)";

    for (number, said) in ["one", "two"].into_iter().enumerate() {
        first.press("#message", &format!("{said}{ENTER}"));
        assert_reads(&[&first, &second], &format!("Client 1: {said}"));
        second.press("#message", &format!("{said}{ENTER}"));
        assert_reads(&[&first, &second], &format!("Client 2: {said}"));
        let expected = |client| {
            let said = ["one", "two"][..=number].iter();
            let lines: Vec<_> = said
                .map(|said| format!("Client {client}: {said}"))
                .collect();
            serde_json::json!(lines)
        };
        assert_eq!(first.eval(own), expected(1));
        assert_eq!(second.eval(own), expected(2));
    }
}

/// "Away" for ever, and nobody knew that the server had refused it all along.
#[test]
fn says_after_a_few_tries_what_the_server_answers() {
    let mut server = Server::start();
    let browser = Browser::start();
    let window = open(&browser, &server);
    let says = |text: &str| {
        let text = serde_json::json!(text);
        window.wait_until(&format!(
            "document.getElementById('status').textContent.includes({text})"
        ));
    };
    server.stop();
    says("Away: server is stopping (1001)");
    says("Away: the server does not answer");
    // It comes back without the board.
    let library = server.folder().join("plugins/libchat.so");
    let kept = server.folder().join("libchat.so");
    std::fs::rename(&library, &kept).expect("the folder can be written");
    server.start_again();
    says("Away: the server answers 404, no route here");
    std::fs::rename(&kept, &library).expect("the folder can be written");
    server.reload();
    window.wait_until(CONNECTED);
}

/// What a proxy does that lacks its lines for WebSockets; here they are led to a path without a route.
#[test]
fn says_that_no_websocket_comes_through_where_the_page_does() {
    let mut server = Server::start();
    let browser = Browser::start();
    let window = open(&browser, &server);
    window.eval(
        "void (window.WebSocket = class extends WebSocket { constructor(url) { super(new URL('/elsewhere', url)); } })",
    );
    server.stop();
    server.start_again();
    let text = "Away: the server answers, but no WebSocket comes through. Coming back…";
    window.wait_until(&format!(
        "document.getElementById('status').textContent === '{text}'"
    ));
    window.eval("void (window.WebSocket = Object.getPrototypeOf(WebSocket))");
    window.wait_until(CONNECTED);
}

#[test]
fn says_why_a_message_was_too_long_and_gives_it_back() {
    let server = Server::start();
    let browser = Browser::start();
    let window = open(&browser, &server);

    // Keys of 70,000 letters would take minutes.
    window.eval("void (document.getElementById('message').value = 'x'.repeat(70_000))");
    window.click("#send");
    window.wait_until("/65536 \\(1009\\)/.test(document.getElementById('status').textContent)");
    assert_eq!(
        window.eval("document.getElementById('message').value.length"),
        70_000
    );
    window.wait_until(CONNECTED);
}

#[test]
fn fits_the_width_of_a_phone() {
    let server = Server::start();
    let browser = Browser::start();
    let window = open(&browser, &server);
    window.resize(320, 568);

    // One word without a place to break.
    let word = "wide".repeat(100);
    window.press("#message", &format!("{word}{ENTER}"));
    assert_reads(&[&window], &format!("Client 1: {word}"));

    assert_eq!(window.eval("innerWidth"), 320);
    for part in ["document.documentElement", "document.getElementById('log')"] {
        let overflow = format!("{part}.scrollWidth - {part}.clientWidth");
        assert_eq!(window.eval(&overflow), 0, "{part} scrolls sideways");
    }
    let bottom = "document.getElementById('send').getBoundingClientRect().bottom <= innerHeight";
    assert_eq!(
        window.eval(bottom),
        true,
        "the send button is on the screen"
    );
}

/// Opens the board and waits until it is connected, so that windows are numbered as they open.
#[track_caller]
fn open<'a>(browser: &'a Browser, server: &Server) -> Window<'a> {
    let window = browser.open(&format!("http://{}/chat", server.address()));
    window.wait_until(CONNECTED);
    window
}

#[track_caller]
fn assert_reads(windows: &[&Window], entry: &str) {
    let entry = serde_json::json!(entry);
    for window in windows {
        window.wait_until(&format!("{LAST_ENTRY} === {entry}"));
    }
}
