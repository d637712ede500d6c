//! Bodies that are sent from files: whole and in parts, to who reads slowly, while code is replaced, and cut meanwhile.

use std::fs::{self, File};
use std::path::Path;

use rustix::process::Signal;
use tests::{Raw, Server, Setup, compile_c, library};

/// More than all buffers between the two hold.
pub(crate) const LARGE: usize = 24 << 20;

const ROUTE: &str = "[[route]]\npath = [\"/\", \"/{*path}\"]\nplugin = \"files\"\n\
                     [route.options]\nfolder = \"www\"\n";

fn start(files: &[(&str, &[u8])], settings: &str) -> Server {
    let setup = Setup::new().plugins(&["files"]);
    let folder = setup.folder().join("www");
    fs::create_dir(&folder).expect("it can be made");
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("it can be written");
    }
    setup.configuration(&format!("{settings}{ROUTE}")).start()
}

/// Bytes that differ wherever a piece could be lost or come twice.
pub(crate) fn pattern() -> Vec<u8> {
    // No piece of a round size is like another.
    let block: Vec<u8> = (0..16_381_u32).flat_map(u32::to_le_bytes).collect();
    let mut bytes = block.repeat(LARGE / block.len() + 1);
    bytes.truncate(LARGE);
    bytes
}

fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")
}

#[track_caller]
fn length(head: &str) -> usize {
    let rest = head
        .split("Content-Length: ")
        .nth(1)
        .expect("it has a length");
    let digits = rest.split("\r\n").next().expect("a line");
    digits.parse().expect("a number")
}

#[test]
fn a_large_file_comes_whole_and_costs_no_memory() {
    let bytes = pattern();
    let server = start(&[("large.bin", &bytes)], "");
    let mut raw = Raw::connect(&server);
    raw.write(get("/large.bin", ""));
    // Of what it has ever had: the start itself reads whole libraries.
    let before = server.peak_resident_kib();
    let head = raw.head();
    assert_eq!(length(&head), LARGE, "{head}");
    assert!(raw.bytes(LARGE) == bytes, "it came as it is");
    let grown = server.peak_resident_kib() - before;
    assert!(grown < 8 * 1024, "the server has grown by {grown} KiB");
    // The connection goes on, with a part and with a head alone.
    raw.write(get("/large.bin", "Range: bytes=-5\r\n"));
    let head = raw.head();
    let place = format!(
        "content-range: bytes {}-{}/{LARGE}\r\n",
        LARGE - 5,
        LARGE - 1
    );
    assert!(
        head.starts_with("HTTP/1.1 206 ") && head.contains(&place),
        "{head}"
    );
    assert_eq!(raw.bytes(5), bytes[LARGE - 5..]);
    raw.write("HEAD /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(length(&raw.head()), LARGE);
    raw.write(get("/large.bin", &format!("Range: bytes={LARGE}-\r\n")));
    assert_eq!(raw.response().0, 416);
    raw.assert_kept();
}

#[test]
fn what_is_not_to_be_served_is_not_there() {
    let server = start(&[("a.txt", b"a"), (".hidden", b"secret")], "");
    let www = server.folder().join("www");
    fs::write(server.folder().join("secret"), "secret").expect("it can be written");
    std::os::unix::fs::symlink("../secret", www.join("link")).expect("a link");
    for path in [
        "/.hidden",
        "/%2ehidden",
        "/link",
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/a.txt%00",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/a.txt/",
    ] {
        let (status, _, body) = Raw::answer(&server, get(path, "Connection: close\r\n"));
        assert!(matches!(status, 400 | 404), "{path}: {status}");
        assert!(
            !body.contains("secret") || body.contains("no route"),
            "{path}: {body}"
        );
    }
    let (status, _, body) = Raw::answer(&server, get("/a.txt", "Connection: close\r\n"));
    assert_eq!((status, body.as_str()), (200, "a"));
}

#[test]
fn a_download_goes_on_while_code_and_file_are_replaced() {
    let bytes = pattern();
    let server = start(&[("large.bin", &bytes)], "");
    let mut raw = Raw::connect(&server);
    raw.write(get("/large.bin", ""));
    assert_eq!(length(&raw.head()), LARGE);
    // The first bytes are there, and the last cannot be: the route is held by nobody.
    let start = raw.bytes(1000);
    let code = fs::read(library("files")).expect("it was built");
    let mut changed = code.clone();
    changed.push(0);
    server.put_plugin("libfiles.so", &changed);
    let line = server.reload();
    assert!(line.contains("code of route /"), "{line}");
    fs::remove_file(server.folder().join("www/large.bin")).expect("it is there");
    let rest = raw.bytes(LARGE - 1000);
    assert!([start, rest].concat() == bytes, "it came as it was");
}

#[test]
fn a_file_that_is_cut_meanwhile_breaks_the_connection_off() {
    let server = start(&[("large.bin", &pattern())], "");
    let mut raw = Raw::connect(&server);
    raw.write(get("/large.bin", ""));
    assert_eq!(length(&raw.head()), LARGE);
    let file = File::options()
        .write(true)
        .open(server.folder().join("www/large.bin"));
    file.and_then(|file| file.set_len(1 << 20))
        .expect("it can be cut");
    let got = raw.until_it_ends();
    assert!(got < LARGE, "it was cut: {got}");
    server.wait_for_log(&["bytes of a file cannot be sent: it has become shorter; cut off"]);
    let (status, ..) = Raw::answer(&server, get("/nothing", "Connection: close\r\n"));
    assert_eq!(status, 404, "others are served");
}

#[test]
fn a_stop_lets_who_reads_have_the_rest() {
    let mut server = start(&[("large.bin", &pattern())], "stop_timeout = \"1m\"\n");
    let mut raw = Raw::connect(&server);
    raw.write(get("/large.bin", ""));
    assert_eq!(length(&raw.head()), LARGE);
    server.signal(Signal::TERM);
    server.wait_for_log(&["stop"]);
    assert_eq!(raw.bytes(LARGE).len(), LARGE);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_stop_ends_in_time_whoever_does_not_read() {
    let mut server = start(&[("large.bin", &pattern())], "stop_timeout = \"500ms\"\n");
    let mut raw = Raw::connect(&server);
    raw.write(get("/large.bin", ""));
    assert_eq!(length(&raw.head()), LARGE);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(raw.until_it_ends() < LARGE);
}

#[test]
fn a_plugin_in_c_sends_a_part_of_a_file_and_what_is_none_is_refused() {
    let setup = Setup::new();
    compile_c("download", &setup.plugins_folder());
    let server = setup.start();
    let open = server.open_files();
    let file = server.folder().join("numbers");
    fs::write(&file, "0123456789").expect("it can be written");
    let ask = |file: &Path, offset: &str, length: &str| {
        let path = format!(
            "/download?file={}&offset={offset}&length={length}",
            file.display()
        );
        let (status, _, body) = Raw::answer(&server, get(&path, "Connection: close\r\n"));
        (status, body)
    };
    assert_eq!(ask(&file, "2", "3"), (200, "234".to_owned()));
    assert_eq!(ask(&file, "0", "10"), (200, "0123456789".to_owned()));
    for (file, offset, length) in [
        (file.as_path(), "0", "11"),
        (&file, "18446744073709551615", "2"),
        (server.folder(), "0", "0"),
        (Path::new("/dev/zero"), "0", "1"),
        (Path::new("/nowhere"), "0", "0"),
    ] {
        assert_eq!(ask(file, offset, length).0, 500, "{}", file.display());
    }
    // Neither it nor the host keeps a descriptor.
    tests::wait_until("all descriptors are closed", || server.open_files() == open);
}
