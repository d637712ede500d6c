//! Scripts that test a library: what they can say, and what they say where it is not so. On plugins in C, whose authors they
//! are for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A plugin that does what it is told: sends back what it gets, and `close`s, `fail`s, `log`s or sets a `timer`.
const OBEDIENT: &str = r#"
#include <string.h>
#include "detent.h"

static detent_status create(const detent_host *host, detent_bytes config, const detent_bytes *old_state, void **route,
                            const detent_sink *error)
{
    (void)config, (void)old_state, (void)error;
    *route = (void *)host;
    return DETENT_OK;
}

static detent_status on_upgrade(void *route, const detent_request *request, detent_response *response,
                                const detent_sink *error)
{
    const detent_host *host = route;
    detent_bytes token;
    (void)error;
    if (host->request_header(request, detent_text("X-Token"), 0, &token) != DETENT_OK)
        host->response_status(response, 403);
    return DETENT_OK;
}

static int is(detent_bytes payload, const char *word)
{
    return payload.len == strlen(word) && memcmp(payload.data, word, payload.len) == 0;
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind, detent_bytes payload,
                                const detent_sink *error)
{
    const detent_host *host = route;
    detent_timer_id timer;
    (void)session;
    if (is(payload, "close"))
        return host->close(host, client, 4000, detent_text("as told"));
    if (is(payload, "fail"))
        return detent_fail(error, "as told");
    if (is(payload, "timer"))
        return host->set_timer(host, 1500, 0, &timer);
    return host->send(host, client, kind, payload);
}

static detent_status on_timer(void *route, detent_timer_id timer, const detent_sink *error)
{
    const detent_host *host = route;
    (void)timer, (void)error;
    return host->broadcast(host, DETENT_TEXT, detent_text("it is time"), DETENT_NO_CLIENT);
}

static detent_status on_request(void *route, const detent_request *request, detent_response *response,
                                const detent_sink *error)
{
    const detent_host *host = route;
    detent_bytes body;
    (void)error;
    host->request_field(request, DETENT_FIELD_BODY, &body);
    host->response_status(response, 201);
    host->response_header(response, detent_text("X-Made"), detent_text("yes"));
    return host->response_body(response, body);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions), .create = create, .on_upgrade = on_upgrade, .on_message = on_message,
    .on_timer = on_timer, .on_request = on_request,
};

DETENT_PLUGIN("obedient", "1.0.0", "/obedient", functions);
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn compile(source: &Path, library: &Path) {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let output = Command::new(compiler)
        .args([
            "-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
        ])
        .args(["-fvisibility=hidden", "-I"])
        .arg(root().join("include"))
        .arg("-o")
        .args([library, source])
        .output()
        .expect("a C compiler can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scripts");
    std::fs::create_dir_all(&folder).expect("it can be made");
    folder
}

fn obedient() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = folder().join("obedient.c");
        std::fs::write(&source, OBEDIENT).expect("it can be written");
        let library = folder().join("libobedient.so");
        compile(&source, &library);
        library
    })
}

/// Exit code, what it printed, and what it complained of.
fn run(library: &Path, script: &Path) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_detent-test-plugin"))
        .args([library, script])
        .output()
        .expect("it can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Plays a script of these lines behind a client `ann` who is connected.
fn play(name: &str, lines: &str) -> (Option<i32>, String, String) {
    let script = folder().join(format!("{name}.test"));
    let text = format!("header X-Token yes\nconnect ann /obedient\n{lines}");
    std::fs::write(&script, text).expect("it can be written");
    run(obedient(), &script)
}

#[test]
fn the_scripts_of_the_examples_in_c_pass() {
    for (name, commands) in [("greeter", 22), ("door", 14), ("mender", 12)] {
        let library = folder().join(format!("lib{name}.so"));
        let c = root().join("../tests/c");
        compile(&c.join(format!("{name}.c")), &library);
        let (code, out, error) = run(&library, &c.join(format!("{name}.test")));
        assert_eq!(code, Some(0), "{out}{error}");
        let told = format!("{name}.test: ok, {commands} commands\n");
        assert!(out.ends_with(&told), "{out}");
    }
}

#[test]
fn every_command_does_what_it_says() {
    let lines = "
        refused /obedient 403
        send ann two\\nlines \\\\ and a\\ttab
        expect ann two\\nlines \\\\ and a\\ttab
        send-bytes ann 00 ff10
        expect-bytes ann 00ff10
        expect-nothing ann
        send ann timer
        advance 1499
        expect-nothing ann
        advance 1
        expect ann it is time
        request POST /obedient a body
        expect-status 201
        expect-header X-Made yes
        expect-body a body
        replace
        send ann still here
        expect ann still here
        send ann close
        expect-closed ann 4000 as told
        header X-Token yes
        connect bob /obedient
        send bob fail
        expect-log as told
        header X-Token yes
        connect eve /obedient
        vanish eve
    ";
    let (code, out, error) = play("every", lines);
    assert_eq!(code, Some(0), "{out}{error}");
}

#[test]
fn what_is_not_so_is_told_with_its_line() {
    for (lines, why) in [
        (
            "send ann hello\nexpect ann hullo",
            ":4: what ann got is Text(\"hello\"), and Text(\"hullo\") was expected",
        ),
        (
            "expect ann more",
            ":3: ann got nothing, and Text(\"more\") was expected",
        ),
        (
            "send ann x\nexpect-nothing ann",
            ":4: ann got Text(\"x\"), and nothing was expected",
        ),
        ("expect-closed ann 1000", ":3: how it was closed is None"),
        ("connect bob /obedient", ":3: bob is refused: 403"),
        (
            "header X-Token yes\nrefused /obedient 403",
            ":4: it was let in, and 403 was expected",
        ),
        ("send bob hello", ":3: no client `bob` has connected"),
        ("refused-option colour red", ":3: option `colour` is taken"),
        ("expect-why red", ":3: there was no `refused-option` before"),
        ("expect-status 200", ":3: there was no `request` before"),
        (
            "request GET /obedient\nexpect-status 200",
            ":4: the status is 201, and 200 was expected",
        ),
        (
            "expect-log nothing like it",
            ":3: no line of the log has `nothing like it`",
        ),
    ] {
        let (code, _, error) = play("not-so", lines);
        assert_eq!(code, Some(1), "{lines}: {error}");
        assert!(error.contains(why), "{lines}: {error}");
    }
}

#[test]
fn what_is_no_script_is_told_with_its_line() {
    for (lines, why) in [
        ("shout ann hello", ":3: `shout` is no command of a script"),
        ("option a 1", ":3: `option` comes before the first step"),
        ("close ann soon", ":3: `soon` is no number that fits here"),
        (
            "send-bytes ann 0",
            ":3: `0` is not hexadecimal, two digits a byte",
        ),
        ("send ann \\x", ":3: `\\x` stands for nothing"),
        ("connect bob", ":3: a path is missing"),
        ("cut", ":3: a client is missing"),
    ] {
        let (code, _, error) = play("no-script", lines);
        assert_eq!(code, Some(1), "{lines}: {error}");
        assert!(error.contains(why), "{lines}: {error}");
    }
}

#[test]
fn a_library_that_is_none_is_told() {
    let script = folder().join("none.test");
    std::fs::write(&script, "connect ann /\n").expect("it can be written");
    let (code, _, error) = run(&script, &script);
    assert_eq!(code, Some(1));
    assert!(error.contains("none.test"), "{error}");
    let (code, _, error) = run(Path::new("/no/such/lib.so"), &script);
    assert_eq!(code, Some(1));
    assert!(error.contains("/no/such/lib.so"), "{error}");
}
