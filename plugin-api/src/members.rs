//! Who is here, and what a topic is told of who comes and goes.

use crate::abi::{self, Status};
use crate::message::{Message, ToMessage};
use crate::{Client, ClientId, Host};

/// A client in a list.
///
/// ```
/// use plugin_api::{Host, Result};
///
/// fn who(host: &Host) -> Result<String> {
///     let clients = host.clients()?;
///     let names: Vec<&str> = clients.iter().map(|member| member.label()).collect();
///     Ok(names.join(", "))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    id: ClientId,
    label: String,
}

impl Member {
    /// Its number; [`Host::client`] makes a [`Client`] of it.
    pub fn id(&self) -> ClientId {
        self.id
    }

    /// What the plugin says that it is called, by [`Client::set_label`]; empty where it says nothing.
    pub fn label(&self) -> &str {
        &self.label
    }
}

/// What the other members of a topic are told of one that joins: at once, and when it is none any more.
///
/// ```
/// use plugin_api::{Client, Config, Host, Plugin, Presence, Request, Result};
///
/// /// A room that tells who is in it, and who comes and goes.
/// struct Room {
///     host: Host,
/// }
///
/// impl Plugin for Room {
///     type Session = ();
///
///     fn create(host: Host, _config: Config) -> Result<Self> {
///         Ok(Room { host })
///     }
///     fn on_open(&self, client: &Client, request: &Request) -> Result<()> {
///         let nick = request.query("nick").unwrap_or("somebody".into());
///         client.set_label(&nick)?;
///         client.join_told(
///             "room",
///             &Presence::new()
///                 .joined(&format!("{nick} has come"))
///                 .left(&format!("{nick} has gone")),
///         )?;
///         let members = self.host.members("room")?;
///         let nicks: Vec<&str> = members.iter().map(|member| member.label()).collect();
///         client.send(format!("here: {}", nicks.join(", ")))?;
///         Ok(())
///     }
/// }
/// # plugin_api::export!(Room, path = "/room");
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// # #[cfg(feature = "testing")]
/// # fn main() {
/// # use plugin_api::testing::Route;
/// let route = Route::of::<Room>().start();
/// let ann = route.connect("/room?nick=ann");
/// assert_eq!(ann.text(), "here: ann");
/// let bob = route.connect("/room?nick=bob");
/// assert_eq!(bob.text(), "here: ann, bob");
/// assert_eq!(ann.text(), "bob has come");
/// bob.vanish();
/// assert_eq!(ann.text(), "bob has gone");
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Presence<'a> {
    joined: Option<Message<'a>>,
    left: Option<Message<'a>>,
}

impl<'a> Presence<'a> {
    /// Nothing is told.
    #[must_use]
    pub fn new() -> Presence<'a> {
        Presence::default()
    }

    /// What the others hear at once, where it was no member before: 1,024 bytes at most.
    #[must_use]
    pub fn joined(mut self, message: &'a (impl ToMessage + ?Sized)) -> Presence<'a> {
        self.joined = Some(message.to_message());
        self
    }

    /// What the others hear when it is no member any more, in whatever way that comes about: 1,024 bytes at most.
    #[must_use]
    pub fn left(mut self, message: &'a (impl ToMessage + ?Sized)) -> Presence<'a> {
        self.left = Some(message.to_message());
        self
    }
}

impl Host {
    /// Clients that are on the route, 10,000 at most, in no order, after all that this thread asked for before. Waits
    /// until the server's hub has come to it, as [`member_count`](Host::member_count) does.
    ///
    /// # Errors
    /// See [`MembersError`].
    pub fn clients(&self) -> Result<Vec<Member>, MembersError> {
        list(*self, "")
    }

    /// Members of `topic`, in the same way. One that joins or leaves at the same time is there or not; whoever first
    /// joins [told](Client::join_told) and then asks for the list misses nobody and counts nobody double.
    ///
    /// # Errors
    /// See [`MembersError`].
    pub fn members(&self, topic: &str) -> Result<Vec<Member>, MembersError> {
        if topic.is_empty() {
            return Err(MembersError::Invalid);
        }
        list(*self, topic)
    }
}

fn list(host: Host, topic: &str) -> Result<Vec<Member>, MembersError> {
    let mut members = Vec::new();
    let status = host.calls().list(topic, |client, label| {
        members.push(Member {
            id: ClientId(client),
            label: String::from_utf8_lossy(label).into_owned(),
        });
    });
    MembersError::check(status).map(|()| members)
}

impl Client {
    /// As [`join`](Client::join), and the other members are told of it; and when it is no member any more, by
    /// [`leave`](Client::leave) or since it has closed, vanished or was closed. Called again it says other words for
    /// the end. They stay when the plugin's code is replaced. Of each client the ends of 16 memberships are told.
    /// When the server stops or the route goes nobody is told of each.
    ///
    /// # Errors
    /// See [`MembersError`].
    pub fn join_told(&self, topic: &str, presence: &Presence<'_>) -> Result<(), MembersError> {
        let Presence { joined, left } = *presence;
        let calls = self.host().calls();
        MembersError::check(calls.join_told(self.id().0, topic, joined, left))
    }
}

/// Why nothing was listed, or nobody joined.
///
/// ```
/// use plugin_api::{Host, MembersError};
///
/// /// How many are in a room, on servers too that cannot say who.
/// fn count(host: &Host, room: &str) -> usize {
///     let listed = host.members(room).map(|members| members.len());
///     listed.unwrap_or_else(|_: MembersError| host.member_count(room).unwrap_or(0) as usize)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembersError {
    /// The topic's name is empty or over 255 bytes, or what is to be told is over 1,024.
    #[error("a topic has 1 to 255 bytes, and what it is told of members 1,024 at most")]
    Invalid,
    /// The server cannot tell.
    #[error("the server is older than the extension detent.members/1: update it")]
    TooOld,
    /// The server refused for another reason: a status of the plugin ABI.
    #[error("the server refused (status {0})")]
    Refused(Status),
}

impl MembersError {
    fn check(status: Status) -> Result<(), MembersError> {
        match status {
            abi::INVALID => Err(MembersError::Invalid),
            abi::UNSUPPORTED => Err(MembersError::TooOld),
            status if status < abi::OK => Err(MembersError::Refused(status)),
            _ => Ok(()),
        }
    }
}
