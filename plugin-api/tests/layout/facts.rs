//! What Rust says of the ABI: the size of each struct, the place of each of its fields, the value of each constant.

use std::mem::{offset_of, size_of};

use plugin_api::abi;

/// One number that both sides must agree on: how it is called, how C writes it, what Rust says.
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) c_expression: String,
    pub(crate) rust_value: i128,
}

/// All that is known of one struct.
pub(crate) struct Layout {
    pub(crate) rust_name: &'static str,
    pub(crate) fields: usize,
    pub(crate) facts: Vec<Fact>,
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

pub(crate) fn layouts() -> Vec<Layout> {
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
pub(crate) const OPAQUE: [&str; 2] = ["Request", "Response"];

macro_rules! constants {
    ($($name:ident),+ $(,)?) => {
        vec![$((stringify!($name), abi::$name as i128)),+]
    };
}

pub(crate) fn constants() -> Vec<(&'static str, i128)> {
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
pub(crate) const TEXTS: [(&str, &str); 13] = [
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

pub(crate) fn type_sizes() -> Vec<Fact> {
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
    pub(crate) fn new(c_expression: String, rust_value: i128) -> Fact {
        Fact {
            name: c_expression.clone(),
            c_expression,
            rust_value,
        }
    }

    pub(crate) fn constant(name: &str, rust_value: i128) -> Fact {
        let name = format!("DETENT_{name}");
        Fact {
            c_expression: name.clone(),
            name,
            rust_value,
        }
    }
}
