//! What a server's hub knows of one route: who is here, who is a member of what, what each was sent, what the time is.
//!
//! Any thread may be in here; nothing waits and nothing calls the plugin. It outlives the values of the plugin, as topics
//! and clients do when a library is replaced.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::job::Job;
use super::journal::{self, Joined, Journal, Kept, Notices, Published, Since};
use super::metrics::MetricBook;
use super::poll::{Poll, Told};
use super::received::Received;
use super::topics::{Membership, TOPICS_MAX, Topics};
use crate::abi::{self, Status};

/// Shared by the route, its clients and the hosts that were given to the plugin.
pub(super) struct World(Mutex<State>);

/// All of it, behind one lock that nobody holds while anything else is done.
pub(super) struct State {
    pub(super) clients: BTreeMap<u64, Guest>,
    topics: Topics,
    /// Everybody goes, and nobody is told of each.
    pub(super) is_over: bool,
    journals: HashMap<String, Journal>,
    pub(super) keeping: Keeping,
    /// The counting of what is kept from now on.
    epoch: u64,
    /// Nothing can be put into the journals' file.
    pub(super) disk_fails: bool,
    pub(super) metrics: MetricBook,
    pub(super) log: Vec<String>,
    pub(super) now: Duration,
    /// Clients that were closed, and by whom (a `BY_`), and that are owed their `on_close`.
    pub(super) ending: Vec<(u64, u32)>,
    /// What waits for the turns of clients.
    pub(super) calls: VecDeque<(u64, Arc<Job>)>,
    last_client: u64,
}

/// What is kept of topics, and where.
#[derive(Clone, Copy)]
pub(super) struct Keeping {
    /// Messages of one journal.
    pub(super) messages_max: usize,
    pub(super) has_file: bool,
}

/// A client as the hub sees it.
pub(super) struct Guest {
    pub(super) inbox: VecDeque<Received>,
    /// What its Close frame says, once it has one.
    pub(super) closed: Option<(u16, String)>,
    /// Whether the plugin may speak of it.
    pub(super) is_open: bool,
    /// It has ended its connection, which a callback of it that runs has not been told.
    has_hung_up: bool,
    /// What the plugin says that it is called.
    pub(super) label: String,
    /// What every `send` to it answers, where a test says so.
    pub(super) send_answer: Option<Status>,
    /// It was admitted as one that does not hear everyone yet.
    came_apart: bool,
    hears_everyone: bool,
    /// Where it waits for one message, or did.
    pub(super) poll: Option<Box<Poll>>,
}

/// What a host call asks for, checked: it happens now, or when the instance has taken over.
#[derive(Clone)]
pub(super) enum Order {
    Send(u64, Received),
    Close(u64, u16, String),
    Join(u64, String),
    Leave(u64, String),
    Label(u64, String),
    /// None for everyone; and who does not get it.
    Publish(Option<String>, Received, u64),
    Keep(Box<KeepOrder>),
    JoinFrom(Box<JoinOrder>),
    JoinTold(Box<ToldOrder>),
}

#[derive(Clone)]
pub(super) struct ToldOrder {
    pub(super) client: u64,
    pub(super) topic: String,
    pub(super) joined: Option<Received>,
    pub(super) left: Option<Received>,
}

#[derive(Clone)]
pub(super) struct KeepOrder {
    pub(super) topic: String,
    pub(super) message: Received,
    pub(super) position_at: Option<usize>,
    pub(super) except: u64,
}

#[derive(Clone)]
pub(super) struct JoinOrder {
    pub(super) client: u64,
    pub(super) topic: String,
    pub(super) since: Since,
    pub(super) notices: Notices,
}

impl World {
    pub(super) fn new(keeping: Keeping) -> Arc<World> {
        Arc::new(World(Mutex::new(State {
            clients: BTreeMap::new(),
            topics: Topics::default(),
            is_over: false,
            journals: HashMap::new(),
            keeping,
            epoch: 1,
            disk_fails: false,
            metrics: MetricBook::default(),
            log: Vec::new(),
            now: Duration::ZERO,
            ending: Vec::new(),
            calls: VecDeque::new(),
            last_client: 0,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held this has nothing left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn next_client(&mut self) -> u64 {
        self.last_client += 1;
        self.last_client
    }

    pub(super) fn open(&mut self, client: u64, is_apart: bool, poll: Option<Poll>) {
        let guest = Guest {
            inbox: VecDeque::new(),
            closed: None,
            is_open: true,
            has_hung_up: false,
            label: String::new(),
            send_answer: None,
            came_apart: is_apart,
            hears_everyone: !is_apart,
            poll: poll.map(Box::new),
        };
        self.clients.insert(client, guest);
    }

    pub(super) fn is_open(&self, client: u64) -> bool {
        self.clients.get(&client).is_some_and(|guest| guest.is_open)
    }

    /// The client ends its connection, and may have to wait for its turn until that is told.
    pub(super) fn hang_up(&mut self, client: u64) {
        if let Some(guest) = self.clients.get_mut(&client) {
            guest.has_hung_up = true;
        }
    }

    pub(super) fn has_hung_up(&self, client: u64) -> bool {
        let guest = self.clients.get(&client);
        guest.is_some_and(|guest| guest.has_hung_up)
    }

    /// Whether it was admitted apart; one that has gone counts as such.
    pub(super) fn came_apart(&self, client: u64) -> bool {
        let guest = self.clients.get(&client);
        guest.is_none_or(|guest| guest.came_apart)
    }

    pub(super) fn client_count(&self) -> u64 {
        let open = self.clients.values().filter(|guest| guest.is_open);
        open.count() as u64
    }

    /// Of a topic, or of the empty name those who hear everyone.
    pub(super) fn members(&self, topic: &str) -> Vec<u64> {
        if topic.is_empty() {
            let hears = self
                .clients
                .iter()
                .filter(|(_, of)| of.is_open && of.hears_everyone);
            return hears.map(|(client, _)| *client).collect();
        }
        self.topics.members(topic)
    }

    /// Ends a client for the hub: it is a member of nothing, and nobody can speak of it. False where it had ended.
    pub(super) fn end(&mut self, client: u64, frame: Option<(u16, String)>) -> bool {
        let last_words = self.topics.end(client);
        let Some(guest) = self.clients.get_mut(&client) else {
            return false;
        };
        if !std::mem::take(&mut guest.is_open) {
            return false;
        }
        if let (Some(poll), Some((code, reason))) = (&mut guest.poll, &frame) {
            poll.end(*code, reason);
        }
        guest.closed = frame;
        for (topic, word) in last_words {
            self.say_last_word(topic, &word);
        }
        true
    }

    fn say_last_word(&mut self, topic: String, word: &Received) {
        if !self.is_over {
            self.publish(Some(topic), word, 0);
        }
    }

    fn join_told(&mut self, order: ToldOrder) {
        let ToldOrder {
            client,
            topic,
            joined,
            left,
        } = order;
        let is_new = match self.join(client, &topic) {
            Some(Membership::New) => true,
            Some(Membership::Already) => false,
            Some(Membership::Refused { .. }) | None => return,
        };
        self.topics.set_last_word(client, topic.clone(), left);
        if let Some(joined) = joined.filter(|_| is_new) {
            self.publish(Some(topic), &joined, client);
        }
    }

    /// Members of a topic, or all clients, with their labels.
    pub(super) fn list(&self, topic: Option<&str>) -> Vec<(u64, String)> {
        let named = |client: u64| match self.clients.get(&client) {
            Some(guest) if guest.is_open => Some((client, guest.label.clone())),
            _ => None,
        };
        match topic {
            None => self.clients.keys().copied().filter_map(named).collect(),
            Some(topic) => {
                let members = self.topics.members(topic).into_iter();
                members.filter_map(named).collect()
            }
        }
    }

    /// Does what was asked for.
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Send(client, message) => self.deliver(client, message),
            Order::Close(client, code, reason) => {
                if self.end(client, Some((code, reason))) {
                    self.ending.push((client, abi::BY_PLUGIN));
                }
            }
            Order::Join(client, topic) => drop(self.join(client, &topic)),
            Order::Leave(client, topic) => {
                if let Some(word) = self.topics.leave(client, &topic) {
                    self.say_last_word(topic, &word);
                }
            }
            Order::Label(client, label) => {
                if let Some(guest) = self.clients.get_mut(&client) {
                    guest.label = label;
                }
            }
            Order::Publish(topic, message, except) => self.publish(topic, &message, except),
            Order::Keep(order) => drop(self.keep(*order)),
            Order::JoinFrom(order) => drop(self.join_from(&order)),
            Order::JoinTold(order) => self.join_told(*order),
        }
    }

    fn deliver(&mut self, client: u64, message: Received) {
        self.deliver_of(client, &Told::default(), message, None);
    }

    /// What is said on a topic, with its position where that is kept.
    fn deliver_of(
        &mut self,
        client: u64,
        topic: &Told<'_>,
        message: Received,
        position: Option<u64>,
    ) {
        let Some(guest) = self.clients.get_mut(&client).filter(|guest| guest.is_open) else {
            return;
        };
        guest.inbox.push_back(message.clone());
        let messages = [(position, message)];
        self.answer(
            client,
            &Told {
                messages: &messages,
                ..*topic
            },
        );
    }

    /// One that waits for a message has it, and that is its end; nothing happens to any other.
    fn answer(&mut self, client: u64, told: &Told<'_>) {
        let guest = self.clients.get_mut(&client);
        let poll = guest.and_then(|guest| guest.poll.as_mut());
        if poll.is_some_and(|poll| poll.tell(told)) {
            self.end_waiting(client, "answered");
        }
    }

    fn end_waiting(&mut self, client: u64, reason: &str) {
        if self.end(client, Some((1000, reason.to_owned()))) {
            self.ending.push((client, abi::BY_SERVER));
        }
    }

    /// Who has waited for as long as it wanted to is answered that nothing was said.
    pub(super) fn end_late_waiting(&mut self, until: Duration) {
        let is_late = |guest: &Guest| {
            let poll = guest.poll.as_ref();
            guest.is_open && poll.is_some_and(|poll| poll.until <= until)
        };
        let late = self.clients.iter().filter(|(_, guest)| is_late(guest));
        let late: Vec<u64> = late.map(|(client, _)| *client).collect();
        for client in late {
            self.end_waiting(client, "nothing was said");
        }
    }

    /// Of a topic, or of the empty name of those who hear everyone; none for who has gone.
    fn join(&mut self, client: u64, topic: &str) -> Option<Membership> {
        let guest = self.clients.get_mut(&client)?;
        if !guest.is_open {
            return None;
        }
        if topic.is_empty() {
            let was_one = std::mem::replace(&mut guest.hears_everyone, true);
            return Some(if was_one {
                Membership::Already
            } else {
                Membership::New
            });
        }
        let membership = self.topics.join(client, topic);
        if membership == (Membership::Refused { is_first: true }) {
            self.log.push(format!(
                "WARN client {client} is a member of {TOPICS_MAX} topics, as many as it may be; it joins no further ones"
            ));
        }
        Some(membership)
    }

    fn publish(&mut self, topic: Option<String>, message: &Received, except: u64) {
        let topic = topic.unwrap_or_default();
        // What is said on a topic with a journal is kept, whoever says it.
        let (kept_max, journal) = (self.keeping.messages_max, self.journals.get_mut(&topic));
        let position = journal.map(|journal| journal.push(message.clone(), kept_max));
        for client in self.members(&topic) {
            if client != except {
                let told = Told {
                    topic: name(&topic),
                    epoch: self.epoch,
                    ..Told::default()
                };
                self.deliver_of(client, &told, message.clone(), position);
            }
        }
    }

    /// The journal of a topic, or what it would be: only what is said with the wish that it be kept begins one.
    fn journal(&self, topic: &str) -> Cow<'_, Journal> {
        match self.journals.get(topic) {
            Some(journal) => Cow::Borrowed(journal),
            None => Cow::Owned(Journal::new(self.epoch)),
        }
    }

    pub(super) fn keep(&mut self, order: KeepOrder) -> Published {
        let (epoch, kept_max) = (self.epoch, self.keeping.messages_max);
        let journal = self.journals.entry(order.topic.clone());
        let journal = journal.or_insert_with(|| Journal::new(epoch));
        let (position, message) = journal.keep(order.message, order.position_at, kept_max);
        let epoch = journal.epoch;
        let members = self.members(&order.topic);
        let audience = members.iter().filter(|client| **client != order.except);
        let audience: Vec<u64> = audience.copied().collect();
        let told = Told {
            topic: name(&order.topic),
            epoch,
            ..Told::default()
        };
        for client in &audience {
            self.deliver_of(*client, &told, message.clone(), Some(position));
        }
        Published {
            epoch,
            position,
            members: audience.len() as u64,
        }
    }

    /// [`abi::EXHAUSTED`] where the client is a member of as many topics as it may be.
    pub(super) fn join_from(&mut self, order: &JoinOrder) -> Result<Joined, Status> {
        let membership = self.join(order.client, &order.topic);
        let journal = self.journal(&order.topic);
        match membership {
            Some(Membership::Refused { .. }) => return Err(abi::EXHAUSTED),
            Some(Membership::Already) => return Ok(journal.joined_already()),
            Some(Membership::New) | None => {}
        }
        let (joined, missed) = journal.since(&order.since);
        let waits = self.clients.get_mut(&order.client);
        if let Some(poll) = waits.and_then(|guest| guest.poll.as_mut()) {
            let missed: Vec<_> = missed
                .into_iter()
                .map(|(at, said)| (Some(at), said))
                .collect();
            let told = Told {
                topic: name(&order.topic),
                messages: &missed,
                next: Some(joined.position),
                gap: journal::gap(joined.outcome),
                epoch: joined.epoch,
            };
            poll.set_silence(&told);
            if told.gap.is_some() || !missed.is_empty() {
                self.answer(order.client, &told);
            }
        } else {
            if let Some(notice) = order.notices.of(&joined) {
                self.deliver(order.client, notice);
            }
            for (_, message) in missed {
                self.deliver(order.client, message);
            }
        }
        Ok(joined)
    }

    /// The server is started anew: what is in a file stays, and is in memory no more.
    pub(super) fn start_anew(&mut self) {
        self.is_over = false;
        if !self.keeping.has_file {
            self.journals.clear();
            self.epoch += 1;
        }
    }

    /// Something that hosts have said is missing: everybody is closed, and what is kept begins anew.
    pub(super) fn lose(&mut self, cause: u32) -> abi::Gap {
        let text = "what other hosts have said is lost: come back";
        for client in self.clients.keys().copied().collect::<Vec<_>>() {
            if self.end(client, Some((1013, text.to_owned()))) {
                self.ending.push((client, abi::BY_SERVER));
            }
        }
        let last = self.journals.values().map(|journal| journal.last).max();
        let from = journal::text(self.epoch, last.unwrap_or_default());
        self.journals.clear();
        self.epoch += 1;
        abi::Gap {
            size: size_of::<abi::Gap>() as u32,
            cause,
            from,
            to: journal::text(self.epoch, 0),
        }
    }

    /// Whether something that is wanted has to come from the disk.
    pub(super) fn asks_disk(&mut self, topic: &str, since: &Since) -> bool {
        let has_file = self.keeping.has_file;
        let journal = self.journals.get_mut(topic);
        journal.is_some_and(|journal| {
            journal.leave_memory();
            has_file && journal.asks_disk(since)
        })
    }

    pub(super) fn read(
        &self,
        topic: &str,
        since: &Since,
        messages_max: u64,
        bytes_max: u64,
    ) -> Kept {
        self.journal(topic).read(since, messages_max, bytes_max)
    }
}

/// A topic by its name; none for everyone.
fn name(topic: &str) -> Option<&str> {
    Some(topic).filter(|topic| !topic.is_empty())
}

/// Whether a message may be sent: a kind that is known, and text that is text.
pub(super) fn message(kind: u32, payload: &[u8]) -> Result<Received, Status> {
    match kind {
        abi::TEXT => {
            let text = std::str::from_utf8(payload).map_err(|_| abi::INVALID)?;
            Ok(Received::Text(text.to_owned()))
        }
        abi::BINARY => Ok(Received::Binary(payload.to_vec())),
        _ => Err(abi::INVALID),
    }
}

/// A topic's name, of 1 to 255 bytes.
pub(super) fn topic(name: &[u8]) -> Result<String, Status> {
    match std::str::from_utf8(name) {
        Ok(name) if (1..=255).contains(&name.len()) => Ok(name.to_owned()),
        _ => Err(abi::INVALID),
    }
}
