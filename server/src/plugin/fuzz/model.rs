//! What the ABI promises of host calls, in a few plain lists: who is a member of what and who hears
//! what. Shares no code with the host, the hub and the outbox.

use std::collections::HashSet;

/// One frame as a peer has it: opcode and payload.
pub(super) type Heard = (u8, Vec<u8>);

/// Something that was asked for, in the order of the calls.
pub(super) enum Told {
    Send(usize, Heard),
    /// For the members of a topic, or for all; all but one.
    Publish(Option<Vec<u8>>, Heard, Option<usize>),
    Join(usize, Vec<u8>),
    Leave(usize, Vec<u8>),
}

/// The clients of the route, by their number in the world.
#[derive(Default)]
pub(super) struct Model {
    /// Not at work yet: what is told waits here.
    held: Option<Vec<Told>>,
    members: HashSet<(usize, Vec<u8>)>,
    departed: HashSet<usize>,
    closed: HashSet<usize>,
    /// By client.
    heard: [Vec<Heard>; 2],
}

impl Model {
    /// Of an instance that is still being made.
    pub(super) fn new() -> Model {
        Model {
            held: Some(Vec::new()),
            ..Model::default()
        }
    }

    pub(super) fn note(&mut self, told: Told) {
        match &mut self.held {
            Some(held) => held.push(told),
            None => self.apply(told),
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// The instance goes to work.
    pub(super) fn release(&mut self) {
        for told in self.held.take().unwrap_or_default() {
            self.apply(told);
        }
    }

    /// The instance has gone.
    pub(super) fn end(&mut self) {
        self.held = None;
    }

    pub(super) fn depart(&mut self, client: usize) {
        self.departed.insert(client);
        self.members.retain(|(member, _)| *member != client);
    }

    pub(super) fn has_departed(&self, client: usize) -> bool {
        self.departed.contains(&client)
    }

    pub(super) fn member_count(&self, topic: &[u8]) -> u64 {
        self.members.iter().filter(|(_, of)| of == topic).count() as u64
    }

    /// What `client` has to hear of what was told.
    pub(super) fn heard(&self, client: usize) -> &[Heard] {
        &self.heard[client]
    }

    fn apply(&mut self, told: Told) {
        match told {
            Told::Send(client, heard) => self.hear(client, heard),
            Told::Publish(topic, heard, except) => {
                for client in (0..2).filter(|&client| Some(client) != except) {
                    let is_meant = topic
                        .as_ref()
                        .is_none_or(|topic| self.members.contains(&(client, topic.clone())));
                    if is_meant {
                        self.hear(client, heard.clone());
                    }
                }
            }
            Told::Join(client, topic) => {
                if !self.departed.contains(&client) {
                    self.members.insert((client, topic));
                }
            }
            Told::Leave(client, topic) => {
                self.members.remove(&(client, topic));
            }
        }
    }

    /// Nothing follows a Close frame.
    fn hear(&mut self, client: usize, heard: Heard) {
        if !self.departed.contains(&client) && !self.closed.contains(&client) {
            if heard.0 == 8 {
                self.closed.insert(client);
            }
            self.heard[client].push(heard);
        }
    }
}
