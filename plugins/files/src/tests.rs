use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use plugin_api::Response;
use plugin_api::testing::{Ask, Route};
use tempfile::TempDir;

use super::Files;

/// A folder with a little of everything, in another that nobody may reach.
fn folder() -> TempDir {
    let outer = TempDir::new().expect("a temporary folder");
    let path = outer.path();
    fs::create_dir_all(path.join("www/sub/empty")).expect("it can be made");
    for (file, text) in [
        ("secret.txt", "nobody may read this"),
        ("www/a.txt", "0123456789"),
        ("www/index.html", "<p>front"),
        ("www/sub/index.html", "<p>sub"),
        ("www/sub/K\u{fc}che 1.svg", "<svg/>"),
        ("www/.hidden", "nobody may read this"),
        ("www/empty.bin", ""),
        ("www/script.js", "1"),
    ] {
        fs::write(path.join(file), text).expect("it can be written");
        age(&path.join(file));
    }
    let links = [
        ("../secret.txt", "link"),
        ("sub", "folder-link"),
        ("a.txt", "inner-link"),
    ];
    for (to, name) in links {
        symlink(to, path.join("www").join(name)).expect("a link");
    }
    let pipe = path.join("www/pipe");
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    );
    made.expect("a pipe");
    outer
}

/// Long written, so that its tag is a strong one.
fn age(file: &Path) {
    let file = fs::File::open(file).expect("it is there");
    let then = SystemTime::now() - Duration::from_secs(3600);
    file.set_modified(then).expect("it is ours");
}

fn serve(outer: &TempDir) -> Route {
    let setup = Route::of::<Files>().config_folder(outer.path());
    setup.option("folder", "www").start()
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.header_value(name).unwrap_or_default()
}

#[test]
fn files_come_with_their_type_and_folders_with_their_index() {
    let outer = folder();
    let route = serve(&outer);
    for (path, status, kind, body) in [
        (
            "/files/a.txt",
            200,
            "text/plain; charset=utf-8",
            "0123456789",
        ),
        (
            "/files/script.js",
            200,
            "text/javascript; charset=utf-8",
            "1",
        ),
        (
            "/files/sub/K%C3%BCche%201.svg",
            200,
            "image/svg+xml",
            "<svg/>",
        ),
        ("/files/empty.bin", 200, "application/octet-stream", ""),
        ("/files/", 200, "text/html; charset=utf-8", "<p>front"),
        ("/files/sub/", 200, "text/html; charset=utf-8", "<p>sub"),
        (
            "/files/index.html",
            200,
            "text/html; charset=utf-8",
            "<p>front",
        ),
    ] {
        let response = route.request(Ask::get(path));
        assert_eq!(response.status_code(), status, "{path}");
        assert_eq!(header(&response, "Content-Type"), kind, "{path}");
        assert_eq!(response.body_text(), body, "{path}");
        assert_eq!(header(&response, "X-Content-Type-Options"), "nosniff");
        assert_eq!(header(&response, "Cache-Control"), "no-cache");
    }
}

#[test]
fn what_is_not_to_be_served_is_not_there() {
    let outer = folder();
    let route = serve(&outer);
    for path in [
        "/files/nothing.txt",
        "/files/.hidden",
        "/files/%2ehidden",
        "/files/link",
        "/files/inner-link",
        "/files/folder-link/index.html",
        "/files/folder-link/",
        "/files/pipe",
        "/files/a.txt/",
        "/files/a.txt/b",
        "/files/sub/empty/",
        "/files//a.txt",
        "/files/sub//index.html",
        "/files/../secret.txt",
        "/files/sub/../../secret.txt",
        "/files/%2e%2e/secret.txt",
        "/files/..%2fsecret.txt",
        "/files/..%2Fsecret.txt",
        "/files/sub%2findex.html",
        "/files/%2fetc/passwd",
        "/files//etc/passwd",
        "/files/a.txt%00",
        "/files/a.txt%00.html",
        "/files/..%5csecret.txt",
        "/files/%252e%252e/secret.txt",
        "/files/%ff",
    ] {
        let response = route.request(Ask::get(path));
        assert_eq!(
            response.status_code(),
            404,
            "{path}: {}",
            response.body_text()
        );
    }
    let long = format!("/files/{}", "a".repeat(4000));
    assert_eq!(route.request(Ask::get(&long)).status_code(), 404);
}

#[test]
fn a_folder_without_its_slash_is_led_to_it_and_nowhere_else() {
    let outer = folder();
    let route = serve(&outer);
    for (path, to) in [
        ("/files/sub", "./sub/"),
        ("/files/sub?a=b", "./sub/?a=b"),
        ("/files", "./files/"),
        ("/files/sub/empty", "./empty/"),
    ] {
        let response = route.request(Ask::get(path));
        assert_eq!(
            (response.status_code(), header(&response, "Location")),
            (308, to),
            "{path}"
        );
    }
}

#[test]
fn only_get_and_head_are_answered() {
    let outer = folder();
    let response = serve(&outer).request(Ask::post("/files/a.txt"));
    assert_eq!(
        (response.status_code(), header(&response, "Allow")),
        (405, "GET, HEAD")
    );
}

#[test]
fn a_range_is_a_part_and_one_behind_the_end_is_416() {
    let outer = folder();
    let route = serve(&outer);
    let ask = |range: &str| route.request(Ask::get("/files/a.txt").header("Range", range));
    let part = ask("bytes=2-4");
    assert_eq!(part.status_code(), 206);
    assert_eq!(header(&part, "Content-Range"), "bytes 2-4/10");
    assert_eq!(part.body_text(), "234");
    assert_eq!(ask("bytes=-3").body_text(), "789");
    let behind = ask("bytes=10-");
    assert_eq!(behind.status_code(), 416);
    assert_eq!(header(&behind, "Content-Range"), "bytes */10");
    // Several are answered with the whole.
    let several = ask("bytes=0-1,3-4");
    assert_eq!(
        (several.status_code(), several.body_bytes().len()),
        (200, 10)
    );
    let head = Ask::of("HEAD", "/files/a.txt").header("Range", "bytes=2-4");
    assert_eq!(route.request(head).status_code(), 200);
}

#[test]
fn who_has_it_is_told_so_and_who_had_another_gets_the_whole() {
    let outer = folder();
    let route = serve(&outer);
    let first = route.request(Ask::get("/files/a.txt"));
    let (tag, date) = (header(&first, "ETag"), header(&first, "Last-Modified"));
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let weak = format!("\"x\", W/{tag}");
    let old = "Thu, 01 Jan 1970 00:00:00 GMT";
    for (name, value, status) in [
        ("If-None-Match", tag, 304),
        ("If-None-Match", &weak, 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", "\"other\"", 200),
        ("If-Modified-Since", date, 304),
        ("If-Modified-Since", old, 200),
        ("If-Modified-Since", "yesterday", 200),
        ("If-Match", tag, 200),
        ("If-Match", "\"other\"", 412),
        ("If-Unmodified-Since", date, 200),
        ("If-Unmodified-Since", old, 412),
    ] {
        let response = route.request(Ask::get("/files/a.txt").header(name, value));
        assert_eq!(response.status_code(), status, "{name}: {value}");
        if status == 304 {
            assert_eq!(
                (header(&response, "ETag"), response.body_bytes()),
                (tag, &[][..])
            );
        }
    }
    for (value, status) in [
        (tag, 206),
        (date, 206),
        (old, 200),
        ("\"other\"", 200),
        (&format!("W/{tag}"), 200),
    ] {
        let ask = Ask::get("/files/a.txt").header("Range", "bytes=0-1");
        let response = route.request(ask.header("If-Range", value));
        assert_eq!(response.status_code(), status, "If-Range: {value}");
    }
    // What was written just now may be written again at once: its tag promises less, and no part is put to another.
    let file = outer.path().join("www/a.txt");
    fs::write(&file, "9876543210").expect("it can be written");
    let fresh = route.request(Ask::get("/files/a.txt").header("If-None-Match", tag));
    assert_eq!(fresh.body_text(), "9876543210");
    let weak = header(&fresh, "ETag");
    assert!(weak.starts_with("W/"), "{weak}");
    let ask = Ask::get("/files/a.txt").header("Range", "bytes=0-1");
    assert_eq!(
        route.request(ask.header("If-Range", weak)).status_code(),
        200
    );
}

#[test]
fn a_link_to_the_folder_itself_may_be_put_anew() {
    let outer = folder();
    let current = outer.path().join("current");
    symlink("www", &current).expect("a link");
    let setup = Route::of::<Files>().config_folder(outer.path());
    let route = setup
        .option("folder", "current")
        .option("max_age", 60)
        .start();
    let response = route.request(Ask::get("/files/a.txt"));
    assert_eq!(header(&response, "Cache-Control"), "max-age=60");
    fs::remove_file(&current).expect("it is there");
    symlink("www/sub", &current).expect("a link");
    assert_eq!(route.request(Ask::get("/files/")).body_text(), "<p>sub");
    fs::remove_file(&current).expect("it is there");
    assert_eq!(route.request(Ask::get("/files/")).status_code(), 503);
}

#[test]
fn options_that_cannot_be_are_refused() {
    let outer = folder();
    let start = || Route::of::<Files>().config_folder(outer.path());
    for (setup, why) in [
        (start().option("folder", "nowhere"), "option `folder`: "),
        (start().option("folder", "secret.txt"), "option `folder`: "),
        (
            start().option("folder", "www").option("index", "a/b"),
            "option `index`: ",
        ),
        (
            start().option("folder", "www").option("index", ".x"),
            "option `index`: ",
        ),
        (
            start().option("folder", "www").option("listing", true),
            "listing",
        ),
        (
            start().option("folder", "www").path("/docs/{name}"),
            "has to end in {*path}",
        ),
    ] {
        let refused = setup.try_start().expect_err("it is refused");
        assert!(refused.contains(why), "{refused}");
    }
    let nothing = start().start();
    assert_eq!(nothing.request(Ask::get("/files/a.txt")).status_code(), 404);
    let no_index = start().option("folder", "www").option("index", "").start();
    assert_eq!(no_index.request(Ask::get("/files/")).status_code(), 404);
}
