//! Holds `src/abi.rs` and `include/detent.h` together: sizes, offsets and values, each of them.
//!
//! The header is compiled by the system's C compiler, as an author would; a small program prints
//! what C sees, and that is compared with what Rust sees.

mod c;
mod facts;

use std::collections::BTreeSet;

use plugin_api::abi;

use c::{ask_c, ask_c_of, compile, header_1_0, scratch};
use facts::{Fact, OPAQUE, TEXTS, constants, layouts, type_sizes};

const ABI: &str = include_str!("../../src/abi.rs");
/// Its parts, in files of their own.
const PARTS: [&str; 12] = [
    include_str!("../../src/abi/plugin.rs"),
    include_str!("../../src/abi/host.rs"),
    include_str!("../../src/abi/metrics.rs"),
    include_str!("../../src/abi/body_file.rs"),
    include_str!("../../src/abi/journal.rs"),
    include_str!("../../src/abi/gaps.rs"),
    include_str!("../../src/abi/client_view.rs"),
    include_str!("../../src/abi/compression.rs"),
    include_str!("../../src/abi/label.rs"),
    include_str!("../../src/abi/hosts.rs"),
    include_str!("../../src/abi/members.rs"),
    include_str!("../../src/abi/session.rs"),
];
const HEADER: &str = include_str!("../../include/detent.h");

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
