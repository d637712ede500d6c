//! What is said of a journal: where in it somebody stands, what is asked of it, and how that went.

use std::fmt;

use crate::abi::{self, Status};
use crate::client_id::ClientId;
use crate::message::Message;

/// Takes the place of a position in a message that is yet to get it: as long as one, and nothing that needs an escape
/// anywhere. See [`Keep::position_at`].
///
/// ```
/// use plugin_api::{Host, Keep, POSITION_PLACE, Result};
///
/// /// Each message says where it stands, for who comes back.
/// fn say(host: &Host, text: &str) -> Result {
///     let message = format!("{POSITION_PLACE} {text}");
///     host.publish_kept("news", message, Keep { position_at: Some(0), ..Keep::default() })?;
///     Ok(())
/// }
/// ```
pub const POSITION_PLACE: &str = "------------------------";

const _: () = assert!(POSITION_PLACE.len() == abi::POSITION_BYTES);

/// Where in what was said somebody stands: opaque text of letters, digits and `-`, to be given back as it is.
///
/// ```
/// use plugin_api::{Client, Joined, Result};
///
/// /// A client keeps it, and brings it along in `?since=`.
/// fn tell_place(client: &Client, joined: &Joined) -> Result {
///     if let Some(position) = &joined.position {
///         client.send(format!("you are at {position}"))?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position(String);

impl Position {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// From where on a topic is wanted.
///
/// ```
/// use plugin_api::{Client, Request, Result, Since};
///
/// fn join(client: &Client, request: &Request) -> Result {
///     let since = request.query("since");
///     client.join_from("news", match &since {
///         Some(position) => Since::After { position, or_last: 20 },
///         None => Since::Last(20),
///     })?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since<'a> {
    /// From now on.
    Now,
    /// From the last few messages on.
    Last(u64),
    /// From behind a position on.
    After {
        /// What the client has brought along. Any text: one that is no position is a gap.
        position: &'a str,
        /// Where there is a gap, so many of the last messages that the client cannot have; `u64::MAX` for all
        /// of them.
        or_last: u64,
    },
}

/// How it went.
///
/// ```
/// use plugin_api::{Client, Gap, Outcome, Result};
///
/// fn tell(client: &Client, outcome: Outcome) -> Result {
///     match outcome {
///         Outcome::Gap(Gap::TooOld) => drop(client.send("you were away for too long")?),
///         Outcome::Gap(_) => drop(client.send("something is lost")?),
///         Outcome::Fresh | Outcome::Recovered | Outcome::Later => {}
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This value of the plugin has not taken over yet: the client joins when it does, and nobody knows now how.
    Later,
    /// It asked for nothing that it has missed.
    Fresh,
    /// All that came behind its position is there. Or the client is a member already, and nothing was done.
    Recovered,
    /// Something behind its position is not.
    Gap(Gap),
}

/// Why something is not there any more.
///
/// ```
/// use plugin_api::Gap;
///
/// /// Whether a longer journal would have helped.
/// fn was_too_short(gap: Gap) -> bool {
///     gap == Gap::TooOld
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// It was kept, and is no more.
    TooOld,
    /// The position is of a counting that is over (the journal was in memory and the server has been started anew), or
    /// is none.
    OtherEpoch,
    /// It was lost by the end of a server, or by a full disk.
    Hole,
}

/// How joining went.
///
/// ```
/// use plugin_api::{Client, Joined, Outcome, Result, Since};
///
/// fn is_complete(client: &Client, position: &str) -> Result<bool> {
///     let Joined { outcome, .. } = client.join_from("news", Since::After { position, or_last: 0 })?;
///     Ok(outcome == Outcome::Recovered)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// How.
    pub outcome: Outcome,
    /// The client gets everything of the topic behind it; none with [`Outcome::Later`], and where it asked for so many of
    /// the last messages that the server has to look into its file for them first.
    pub position: Option<Position>,
}

/// How a message is kept.
///
/// ```
/// use plugin_api::{Host, Keep, Request, Response, Result};
///
/// /// Answered when the message is on the disk.
/// fn on_request(host: &Host, request: &Request) -> Result<Response> {
///     let keep = Keep { durable: true, ..Keep::default() };
///     host.publish_kept("orders", request.text()?, keep)?;
///     Ok(Response::text("kept\n"))
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Who does not get it.
    pub except: Option<ClientId>,
    /// Where in the message, counted in bytes, [`POSITION_PLACE`] stands, over which its own position is written.
    pub position_at: Option<usize>,
    /// In `on_request`: the response is sent when the message is on the server's disk, and is 507 instead where it cannot
    /// be. On a thread of the plugin's own the call waits until then, and fails with [`JournalError::NotStored`] where it
    /// cannot be. In other callbacks it changes nothing, since nobody waits inside one. Where the route's journal is in
    /// memory it is refused with [`JournalError::NotInAFile`]; where several hosts share the route, what is durable is what
    /// Redis has.
    pub durable: bool,
}

/// A message that is kept and on its way.
///
/// ```
/// use plugin_api::{Host, Keep, Published, Result};
///
/// fn say(host: &Host, text: &str) -> Result<String> {
///     let Published { members, .. } = host.publish_and_tell("news", text, Keep::default())?;
///     Ok(format!("{members} read it"))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where it stands; none where this value of the plugin has not taken over yet.
    pub position: Option<Position>,
    /// Members of the topic that it goes to.
    pub members: u64,
}

/// What is said to a client that joins, before anything of the topic; each may be left away.
///
/// ```
/// use plugin_api::{Client, Message, Notice, Notices, Result, Since};
///
/// /// Said before anything of the topic, in the same order for everyone.
/// fn join(client: &Client, position: &str) -> Result {
///     let gap = Notice { message: Message::Text("something is missing here"), position_at: None };
///     let notices = Notices { gap: Some(gap), ..Notices::default() };
///     client.join_from_telling("news", Since::After { position, or_last: 20 }, &notices)?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Notices<'a> {
    /// Where it asked for nothing that it has missed.
    pub fresh: Option<Notice<'a>>,
    /// Where it gets all that it has missed.
    pub recovered: Option<Notice<'a>>,
    /// Where there is a gap.
    pub gap: Option<Notice<'a>>,
}

/// One of them.
///
/// ```
/// use plugin_api::{Message, Notice, POSITION_PLACE};
///
/// let text = format!("you are at {POSITION_PLACE}");
/// let notice = Notice { message: Message::Text(&text), position_at: text.find(POSITION_PLACE) };
/// assert_eq!(notice.position_at, Some(11));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// What is said.
    pub message: Message<'a>,
    /// Where [`POSITION_PLACE`] stands in it, over which the position is written behind which the client gets
    /// everything.
    pub position_at: Option<usize>,
}

/// What was read.
///
/// ```
/// use plugin_api::{Host, Kept, Result, Since};
///
/// /// The last ten, as one text.
/// fn last(host: &Host) -> Result<String> {
///     let mut all = String::new();
///     let Kept { has_more, .. } = host.read_kept("news", Since::Last(10), 10, 64 * 1024, |_, message| {
///         all += &format!("{message}\n");
///     })?;
///     debug_assert!(!has_more);
///     Ok(all)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How it went.
    pub outcome: Outcome,
    /// From where on to read next.
    pub next: Position,
    /// Whether more is kept behind that.
    pub has_more: bool,
}

/// Why a call about a journal did nothing.
///
/// ```
/// use plugin_api::{Host, JournalError, Keep, Response, Result};
///
/// fn order(host: &Host) -> Result<Response> {
///     let keep = Keep { durable: true, ..Keep::default() };
///     Ok(match host.publish_kept("orders", "one more", keep) {
///         Err(JournalError::NotInAFile) => Response::text("set journal.file for this route\n").status(501),
///         outcome => outcome.map(|()| Response::text("kept\n"))?,
///     })
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// A topic is empty or over 255 bytes, or the place of the position is not inside the message and ASCII.
    #[error("a topic has 1 to 255 bytes, and the place of a position is ASCII inside the message")]
    Invalid,
    /// The client was not admitted by [`Upgrade::apart`](crate::Upgrade::apart): it hears everyone already, and what it has
    /// missed would come behind what it has heard.
    #[error("the client hears everyone from its beginning on: admit it with `Upgrade::apart`")]
    HearsAlready,
    /// Durable was asked for, and the journal of this route is in memory.
    #[error("the journal of this route is in memory, so that nothing in it is durable")]
    NotInAFile,
    /// The message was said to who listens, and is not known to be on the disk, as was asked for: the disk refuses it, or
    /// has not answered in 30 s.
    #[error("it was said to who is here, and is not known to be stored")]
    NotStored,
    /// What was asked for is in the server's file, and nobody waits for a disk inside a callback: in `on_request`
    /// return this, or anything, and it is called again when the server has read it; elsewhere join from there, or
    /// read on a thread of your own, which waits.
    #[error("what was asked for is in the server's file: return, and be called again")]
    Later,
    /// The client, or the whole route, has gone.
    #[error("the client or the route has gone")]
    Gone,
    /// The server has no journals.
    #[error("the server is older than journals: update it")]
    TooOld,
    /// The server refused for another reason, a status of the plugin ABI: [`abi::EXHAUSTED`] where the client is a member of
    /// 1,024 topics, as many as it may be, or where too much waits: for other hosts, for the disk, or for a replacement.
    #[error("the server did not do it: {}", why(*.0))]
    Refused(Status),
}

fn why(status: Status) -> String {
    match status {
        abi::EXHAUSTED => "the client is a member of as many topics as it may be, or too much waits for other hosts, the disk or a replacement".to_owned(),
        status => format!("status {status}"),
    }
}

impl JournalError {
    pub(super) fn check(status: Status) -> Result<(), JournalError> {
        match status {
            abi::INVALID => Err(JournalError::Invalid),
            abi::UNSUPPORTED => Err(JournalError::NotInAFile),
            abi::ABSENT => Err(JournalError::TooOld),
            abi::GONE => Err(JournalError::Gone),
            abi::LATER => Err(JournalError::Later),
            abi::NOT_STORED => Err(JournalError::NotStored),
            status if status < abi::OK => Err(JournalError::Refused(status)),
            _ => Ok(()),
        }
    }
}

impl Position {
    /// None where the server does not know it.
    pub(crate) fn from_abi(text: &[u8]) -> Option<Position> {
        let text = std::str::from_utf8(text).ok()?;
        text.is_ascii()
            .then_some(text)
            .filter(|text| !text.starts_with('\0'))
            .map(|text| Position(text.to_owned()))
    }
}

impl Outcome {
    pub(super) fn from_abi(outcome: u32) -> Outcome {
        match outcome {
            abi::JOINED_LATER => Outcome::Later,
            abi::JOINED_FRESH => Outcome::Fresh,
            abi::JOINED_RECOVERED => Outcome::Recovered,
            abi::JOINED_GAP_TOO_OLD => Outcome::Gap(Gap::TooOld),
            abi::JOINED_GAP_HOLE => Outcome::Gap(Gap::Hole),
            // A later server may know further reasons; each of them is a gap.
            _ => Outcome::Gap(Gap::OtherEpoch),
        }
    }
}
