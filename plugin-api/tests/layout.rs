//! Holds `src/abi.rs` and `include/detent.h` together: sizes, offsets and values, each of them.
//!
//! The header is compiled by the system's C compiler, as an author would; a small program prints
//! what C sees, and that is compared with what Rust sees.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use plugin_api::abi;

const ABI: &str = include_str!("../src/abi.rs");
/// Its parts, in files of their own.
const PARTS: [&str; 12] = [
    include_str!("../src/abi/plugin.rs"),
    include_str!("../src/abi/host.rs"),
    include_str!("../src/abi/metrics.rs"),
    include_str!("../src/abi/body_file.rs"),
    include_str!("../src/abi/journal.rs"),
    include_str!("../src/abi/gaps.rs"),
    include_str!("../src/abi/client_view.rs"),
    include_str!("../src/abi/compression.rs"),
    include_str!("../src/abi/label.rs"),
    include_str!("../src/abi/hosts.rs"),
    include_str!("../src/abi/members.rs"),
    include_str!("../src/abi/session.rs"),
];
const HEADER: &str = include_str!("../include/detent.h");

/// One number that both sides must agree on: how it is called, how C writes it, what Rust says.
struct Fact {
    name: String,
    c_expression: String,
    rust_value: i128,
}

/// All that is known of one struct.
struct Layout {
    rust_name: &'static str,
    fields: usize,
    facts: Vec<Fact>,
}

/// Lists all fields of a struct. A field that is left out does not compile: the pattern has no `..`.
macro_rules! layout {
    ($rust:ident = $c:literal { $($field:ident),+ $(,)? }) => {{
        fn size_of_behind<T, F>(_: impl Fn(&T) -> &F) -> usize {
            size_of::<F>()
        }
        fn _exhaustive(value: &abi::$rust) {
            let abi::$rust { $($field: _),+ } = value;
        }
        let c = $c;
        let mut facts = vec![Fact::new(format!("sizeof({c})"), size_of::<abi::$rust>() as i128)];
        $(
            let field = stringify!($field);
            let offset = offset_of!(abi::$rust, $field);
            facts.push(Fact::new(format!("offsetof({c}, {field})"), offset as i128));
            let size = size_of_behind(|value: &abi::$rust| &value.$field);
            facts.push(Fact::new(format!("sizeof((({c} *)0)->{field})"), size as i128));
        )+
        let fields = [$(stringify!($field)),+].len();
        Layout { rust_name: stringify!($rust), fields, facts }
    }};
}

fn layouts() -> Vec<Layout> {
    vec![
        layout!(Bytes = "detent_bytes" { data, len }),
        layout!(Sink = "detent_sink" { size, reserved, context, write }),
        layout!(Entry = "detent_entry" {
            magic, size, abi_major, abi_minor, minor_required, built_with, init, set_log_level,
            descriptor,
        }),
        layout!(Descriptor = "detent_descriptor" {
            size, state_format, name, version, default_path, subprotocols, subprotocol_count,
            functions, get_extension, more_paths, more_path_count, flags,
            reads_state_formats, reads_state_format_count,
        }),
        layout!(Functions = "detent_functions" {
            size, reserved, create, destroy, on_upgrade, on_open, on_message, on_close, on_error,
            on_request, on_timer, reconfigure, save_state, save_session, drop_session,
        }),
        layout!(Check = "detent_check" { size, reserved, check }),
        layout!(Gap = "detent_gap" { size, cause, from, to }),
        layout!(Gaps = "detent_gaps" { size, reserved, on_gap }),
        layout!(Resumed = "detent_resumed" { size, reserved, session }),
        layout!(Cause = "detent_cause" { size, initiator, code, reserved, reason }),
        layout!(Fault = "detent_fault" { size, kind, what }),
        layout!(Log = "detent_log" { size, reserved, context, write }),
        layout!(Host = "detent_host" {
            size, abi_minor, send, flush, close, join, leave, publish, broadcast, client_count,
            member_count, set_timer, cancel_timer, route_path, config, request_field,
            request_header, request_header_at, request_param, request_is_inside, response_status,
            response_header, response_body, response_subprotocol, get_extension, config_folder,
            state_folder, request_query, request_cookie, config_string, config_integer,
            config_boolean, config_only, old_state_format,
        }),
        layout!(Task = "detent_task" { size, reserved, data, run, end }),
        layout!(Turns = "detent_turns" { size, reserved, call, set_timer }),
        layout!(MemberSink = "detent_member_sink" { size, reserved, context, member }),
        layout!(Word = "detent_word" { kind, reserved, payload }),
        layout!(ClientEverywhere = "detent_client_everywhere" { host, client }),
        layout!(EverywhereSink = "detent_everywhere_sink" { size, reserved, context, member }),
        layout!(Hosts = "detent_hosts" { size, reserved, this_host, count, list, send, close }),
        layout!(Members = "detent_members" { size, reserved, list, join_told }),
        layout!(Journal = "detent_journal" { size, reserved, publish, join_from, read, envelope, apart }),
        layout!(JournalPublish = "detent_journal_publish" {
            size, kind, topic, payload, except, position_at, flags, reserved,
        }),
        layout!(JournalPublished = "detent_journal_published" { size, reserved, position, members }),
        layout!(JournalNotice = "detent_journal_notice" { kind, reserved, payload, position_at }),
        layout!(JournalJoin = "detent_journal_join" {
            size, since, client, topic, position, last, fresh, recovered, gap,
        }),
        layout!(JournalJoined = "detent_journal_joined" { size, outcome, position }),
        layout!(JournalRead = "detent_journal_read" {
            size, since, topic, position, last, messages_max, bytes_max,
        }),
        layout!(JournalMessages = "detent_journal_messages" { size, reserved, context, write }),
        layout!(JournalKept = "detent_journal_kept" { size, outcome, next, has_more, reserved }),
        layout!(MetricDeclaration = "detent_metric_declaration" {
            size, kind, name, help, labels, label_count, bounds, bound_count,
        }),
        layout!(Metrics = "detent_metrics" { size, reserved, declare, series, add, set, observe }),
        layout!(ClientView = "detent_client_view" { size, reserved, buffered, request, connected }),
        layout!(Compression = "detent_compression" { size, reserved, set_worth }),
        layout!(Label = "detent_label" { size, reserved, set }),
        layout!(BodyFile = "detent_body_file" { size, reserved, set }),
    ]
}

/// Structs without a layout: only pointers to them cross.
const OPAQUE: [&str; 2] = ["Request", "Response"];

macro_rules! constants {
    ($($name:ident),+ $(,)?) => {
        vec![$((stringify!($name), abi::$name as i128)),+]
    };
}

fn constants() -> Vec<(&'static str, i128)> {
    constants![
        MAGIC,
        ABI_MAJOR,
        ABI_MINOR,
        OK,
        GONE,
        ABSENT,
        LATER,
        INVALID,
        FAILED,
        PANICKED,
        UNSUPPORTED,
        EXHAUSTED,
        NOT_STORED,
        TEXT,
        BINARY,
        NO_CLIENT,
        BY_PEER,
        BY_PLUGIN,
        BY_SERVER,
        FAULT_FAILED,
        FAULT_PANICKED,
        FAULT_TRANSPORT,
        LOG_LEVEL_MAX,
        FIELD_METHOD,
        FIELD_PATH,
        FIELD_QUERY,
        FIELD_BODY,
        FIELD_PEER,
        FIELD_CLIENT_ADDRESS,
        FIELD_KIND,
        FIELD_PAGE,
        FIELD_CERTIFICATE_SUBJECT,
        FIELD_CERTIFICATE_NAMES,
        FIELD_CERTIFICATE_FINGERPRINT,
        FLAG_EVENT_STREAM,
        FLAG_DEBUG_BUILD,
        HOST_SIZE_1_0,
        POSITION_BYTES,
        NO_PLACE,
        JOURNAL_DURABLE,
        SINCE_NOW,
        SINCE_LAST,
        SINCE_AFTER,
        JOINED_LATER,
        JOINED_FRESH,
        JOINED_RECOVERED,
        JOINED_GAP_TOO_OLD,
        JOINED_GAP_OTHER_EPOCH,
        JOINED_GAP_HOLE,
        GAP_MISSED,
        GAP_LOST,
        COUNTER,
        GAUGE,
        HISTOGRAM,
    ]
}

/// Constants that are text: each is compared by itself.
const TEXTS: [(&str, &str); 13] = [
    ("ENTRY_SYMBOL", abi::ENTRY_SYMBOL),
    ("CHECK", abi::CHECK),
    ("JOURNAL", abi::JOURNAL),
    ("JOURNAL_EVERYONE", abi::JOURNAL_EVERYONE),
    ("GAPS", abi::GAPS),
    ("METRICS", abi::METRICS),
    ("LABEL", abi::LABEL),
    ("BODY_FILE", abi::BODY_FILE),
    ("CLIENT_VIEW", abi::CLIENT_VIEW),
    ("COMPRESSION", abi::COMPRESSION),
    ("HOSTS", abi::HOSTS),
    ("MEMBERS", abi::MEMBERS),
    ("TURNS", abi::TURNS),
];

fn type_sizes() -> Vec<Fact> {
    vec![
        Fact::new(
            "sizeof(detent_status)".to_owned(),
            size_of::<abi::Status>() as i128,
        ),
        Fact::new(
            "sizeof(detent_client_id)".to_owned(),
            size_of::<abi::ClientId>() as i128,
        ),
        Fact::new(
            "sizeof(detent_timer_id)".to_owned(),
            size_of::<abi::TimerId>() as i128,
        ),
    ]
}

impl Fact {
    fn new(c_expression: String, rust_value: i128) -> Fact {
        Fact {
            name: c_expression.clone(),
            c_expression,
            rust_value,
        }
    }

    fn constant(name: &str, rust_value: i128) -> Fact {
        let name = format!("DETENT_{name}");
        Fact {
            c_expression: name.clone(),
            name,
            rust_value,
        }
    }
}

#[test]
fn rust_and_c_agree_on_every_size_offset_and_value() {
    let mut facts: Vec<Fact> = layouts()
        .into_iter()
        .flat_map(|layout| layout.facts)
        .collect();
    facts.extend(type_sizes());
    facts.extend(
        constants()
            .iter()
            .map(|(name, value)| Fact::constant(name, *value)),
    );
    let answers = ask_c(&facts);
    assert_eq!(answers.len(), facts.len());
    for (fact, (name, c_value)) in facts.iter().zip(&answers) {
        assert_eq!(&fact.name, name);
        assert_eq!(fact.rust_value, *c_value, "{name}: Rust and C differ");
    }
}

/// What came after 1.0.
const SINCE_1_0: [&str; 47] = [
    "LATER",
    "NOT_STORED",
    "request_query",
    "request_cookie",
    "config_string",
    "config_integer",
    "config_boolean",
    "config_only",
    "detent_check",
    "detent_client_view",
    "detent_compression",
    "detent_label",
    "detent_body_file",
    "detent_member",
    "detent_word",
    "detent_task",
    "detent_turns",
    "detent_metric",
    "COUNTER",
    "GAUGE",
    "HISTOGRAM",
    "more_paths",
    "more_path_count",
    "flags)",
    "FLAG_EVENT_STREAM",
    "FLAG_DEBUG_BUILD",
    "reads_state_format",
    "old_state_format",
    "FIELD_KIND",
    "FIELD_PAGE",
    "FIELD_CERTIFICATE_",
    "detent_journal",
    "JOURNAL_DURABLE",
    "POSITION_BYTES",
    "NO_PLACE",
    "SINCE_",
    "config_folder",
    "state_folder",
    "HOST_SIZE_1_0",
    "ABI_MINOR",
    "JOINED_",
    "detent_client_everywhere",
    "detent_everywhere_sink",
    "detent_hosts",
    "detent_gap",
    "GAP_MISSED",
    "GAP_LOST",
];

#[test]
fn what_abi_1_0_had_is_where_it_was() {
    let facts = layouts().into_iter().flat_map(|layout| layout.facts);
    let facts = facts.chain(type_sizes()).chain(
        constants()
            .into_iter()
            .map(|(name, value)| Fact::constant(name, value)),
    );
    let has_grown = ["sizeof(detent_host)", "sizeof(detent_descriptor)"];
    let is_later = |name: &str| {
        has_grown.contains(&name) || SINCE_1_0.iter().any(|later| name.contains(later))
    };
    let facts: Vec<Fact> = facts.filter(|fact| !is_later(&fact.name)).collect();
    for (fact, (_, at_1_0)) in facts.iter().zip(ask_c_of(&facts, &header_1_0())) {
        assert_eq!(fact.rust_value, at_1_0, "{}", fact.name);
    }
    let host = Fact::new("sizeof(detent_host)".to_owned(), 0);
    let answers = ask_c_of(&[host], &header_1_0());
    assert_eq!(answers[0].1, i128::from(abi::HOST_SIZE_1_0));
}

/// The folder of the header of ABI 1.0.
fn header_1_0() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/abi/1.0")
}

/// The folder of the header as it is now.
fn header() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

#[test]
fn the_lists_of_this_test_are_complete() {
    let layouts = layouts();
    let mut structs = names_after(ABI, "pub struct ");
    for part in PARTS {
        structs.extend(names_after(part, "pub struct "));
    }
    let listed = layouts.iter().map(|layout| layout.rust_name).chain(OPAQUE);
    assert_eq!(structs, listed.map(str::to_owned).collect());

    let mut in_abi = names_after(ABI, "pub const ");
    for part in PARTS {
        in_abi.extend(names_after(part, "pub const "));
    }
    for (text, _) in TEXTS {
        assert!(in_abi.remove(text), "{text}");
    }
    let listed = constants()
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(in_abi, listed);

    let no_number = ["H", "LITERAL", "ENTRY_HEAD", "COVERS", "EXPORT", "PLUGIN"];
    let no_number = no_number.into_iter().chain(TEXTS.map(|(name, _)| name));
    let no_number = no_number.map(str::to_owned).collect();
    let in_header = &names_after(HEADER, "#define DETENT_") - &no_number;
    assert_eq!(in_header, listed);
}

#[test]
fn the_header_has_as_many_fields_as_the_structs() {
    for layout in layouts() {
        let c_name = format!("detent_{}", snake_case(layout.rust_name));
        let body = HEADER
            .split_once(&format!("struct {c_name} {{"))
            .and_then(|(_, rest)| rest.split_once("\n}"))
            .map(|(body, _)| without_comments(body))
            .unwrap_or_else(|| panic!("{c_name} is not in the header"));
        assert_eq!(
            body.matches(';').count(),
            layout.fields,
            "fields of {c_name}"
        );
    }
}

#[test]
fn what_has_a_name_has_one() {
    for (name, text) in TEXTS {
        let line = format!("#define DETENT_{name} \"{text}\"\n");
        assert!(HEADER.contains(&line), "{line}");
    }
    assert!(HEADER.contains(&format!("const detent_entry {};", abi::ENTRY_SYMBOL)));
}

#[test]
fn the_example_in_the_header_compiles() {
    let start = HEADER.find("#include \"detent.h\"").unwrap();
    let end = HEADER.find(" *     cc -std=c99").unwrap();
    let example: String = HEADER[start..end]
        .lines()
        .map(|line| {
            line.strip_prefix(" *")
                .unwrap_or(line)
                .trim_start()
                .to_owned()
                + "\n"
        })
        .collect();
    let library = scratch("parrot.so");
    compile(
        "parrot.c",
        &example,
        &library,
        &["-shared", "-fPIC", "-fvisibility=hidden"],
    );
    std::fs::remove_file(library).unwrap();
}

/// `JournalJoin` as `journal_join`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Identifiers that follow `prefix` at the beginning of a line.
fn names_after(source: &str, prefix: &str) -> BTreeSet<String> {
    source
        .lines()
        .filter_map(|line| line.strip_prefix(prefix))
        .map(|rest| {
            rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .next()
                .unwrap()
        })
        .map(str::to_owned)
        .collect()
}

fn without_comments(source: &str) -> String {
    let mut parts = source.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts
        .filter_map(|part| part.split_once("*/"))
        .fold(first, |text, (_, code)| text + code)
}

/// Has C evaluate each expression; gives names and values in the same order.
fn ask_c(facts: &[Fact]) -> Vec<(String, i128)> {
    ask_c_of(facts, &header())
}

/// As [`ask_c`], of the header in `folder`.
fn ask_c_of(facts: &[Fact], folder: &Path) -> Vec<(String, i128)> {
    let mut source = String::from("#include \"detent.h\"\n#include <stdio.h>\n");
    source.push_str("static void fact(const char *name, int negative, unsigned long long value)\n");
    source.push_str("{ printf(\"%s=%s%llu\\n\", name, negative ? \"-\" : \"\", value); }\n");
    source.push_str("int main(void)\n{\n");
    for Fact {
        name,
        c_expression,
        rust_value,
    } in facts
    {
        let (sign, negative) = if *rust_value < 0 { ("-", 1) } else { ("", 0) };
        writeln!(
            source,
            "    fact(\"{name}\", {negative}, (unsigned long long)({sign}({c_expression})));"
        )
        .unwrap();
    }
    source.push_str("    return 0;\n}\n");

    static PROGRAMS: AtomicUsize = AtomicUsize::new(0);
    let number = PROGRAMS.fetch_add(1, Ordering::Relaxed);
    let program = scratch(&format!("layout-{number}"));
    compile_against(
        folder,
        &format!("layout-{number}.c"),
        &source,
        &program,
        &[],
    );
    let output = Command::new(&program).output().expect("run the C program");
    std::fs::remove_file(program).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// A file of this test run alone.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    folder.join(format!("{}-{name}", std::process::id()))
}

fn compile(name: &str, source: &str, output: &Path, options: &[&str]) {
    compile_against(&header(), name, source, output, options);
}

fn compile_against(folder: &Path, name: &str, source: &str, output: &Path, options: &[&str]) {
    let source_file = scratch(name);
    std::fs::write(&source_file, source).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
    let result = Command::new(compiler)
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
        .arg(folder)
        .args(options)
        .arg("-o")
        .args([output, &source_file])
        .output()
        .expect("a C compiler is installed as `cc` (or named by CC)");
    std::fs::remove_file(source_file).unwrap();
    let errors = String::from_utf8_lossy(&result.stderr);
    assert!(
        result.status.success(),
        "{name} does not compile:\n{errors}"
    );
}
