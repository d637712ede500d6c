//! What the hub takes at once, and sends together: each client hears it as though it had been taken one by one.
//!
//! Cause: of the changes that scripts/mutants makes to what has to come behind a run most survived. Events that are posted
//! one after the other seldom fall into one round; these are there together before the hub sees the first.

use std::collections::{BTreeMap, BTreeSet};

use super::past::{bounds, keep};
use super::*;
use crate::hub::{JoinFrom, JoinTold, Notices};
use crate::journal::Since;

const GUESTS: u64 = 4;
const BATCHES: u64 = 8;
const EVENTS_OF_BATCH: u64 = 10;
const PLAIN: [&str; 2] = ["a", "b"];
const KEPT: [&str; 2] = ["j", "k"];

/// Numbers by xorshift, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Who hears what, as the text of [`crate::hub`] has it.
#[derive(Default)]
struct Model {
    here: BTreeSet<u64>,
    members: BTreeMap<&'static str, BTreeSet<u64>>,
    heard: BTreeMap<u64, String>,
    /// What is said when a client leaves a topic, in the order in which it is said where it leaves all.
    last_words: BTreeMap<u64, Vec<(&'static str, String)>>,
}

impl Model {
    fn say(&mut self, to: &[u64], text: &str) {
        for client in to {
            let heard = self.heard.entry(*client).or_default();
            *heard += text;
            heard.push(' ');
        }
    }

    fn members(&self, topic: &str, except: Option<u64>) -> Vec<u64> {
        let members = self.members.get(topic).into_iter().flatten();
        let here = members.filter(|&&client| Some(client) != except);
        here.copied().collect()
    }

    /// A membership ends, with the word about that.
    fn leave(&mut self, client: u64, topic: &'static str) {
        self.members.entry(topic).or_default().remove(&client);
        let words = self.last_words.entry(client).or_default();
        if let Some(at) = words.iter().position(|(of, _)| *of == topic) {
            let (_, word) = words.remove(at);
            self.say(&self.members(topic, None), &word);
        }
    }

    fn leave_all(&mut self, client: u64) {
        let words = self.last_words.get(&client).cloned().unwrap_or_default();
        for (topic, _) in words {
            self.leave(client, topic);
        }
        self.here.remove(&client);
        for members in self.members.values_mut() {
            members.remove(&client);
        }
    }
}

/// One event, and what it does to the model.
fn event(random: &mut Random, model: &mut Model, guests: &[Guest], text: &str) -> Option<Event> {
    let guest = &guests[random.below(GUESTS) as usize];
    let (id, client) = (guest.id.0, guest.id);
    let except = (random.below(3) == 0).then_some(client);
    let plain = PLAIN[random.below(2) as usize];
    let kept = KEPT[random.below(2) as usize];
    let is_here = model.here.contains(&id);
    Some(match random.below(13) {
        0 | 1 => {
            let here = model
                .here
                .iter()
                .filter(|of| except != Some(ClientId(**of)));
            let here: Vec<u64> = here.copied().collect();
            model.say(&here, text);
            everyone(text, except)
        }
        2 | 3 => {
            model.say(&model.members(plain, except.map(|of| of.0)), text);
            Event::Publish {
                audience: topic(plain),
                message: message(text),
                except,
            }
        }
        4 | 5 => {
            model.say(&model.members(kept, except.map(|of| of.0)), text);
            keep(kept, text, except, None)
        }
        6 => {
            if is_here {
                model.say(&[id], text);
            }
            to_one(client, text)
        }
        7 => {
            if is_here {
                model.members.entry(plain).or_default().insert(id);
            }
            join(client, plain)
        }
        8 => {
            if is_here {
                model.members.entry(kept).or_default().insert(id);
            }
            Event::JoinFrom(Box::new(JoinFrom {
                client,
                topic: kept.into(),
                since: Since::Now,
                notices: Notices::default(),
                reply: None,
            }))
        }
        9 => {
            let of = [plain, kept][random.below(2) as usize];
            model.leave(id, of);
            Event::Leave {
                client,
                topic: topic(of),
            }
        }
        10 if !is_here => {
            // Who has left comes again as another client would, with nothing but what is said from now on.
            model.here.insert(id);
            guest.opened()
        }
        11 if is_here && random.below(3) == 0 => {
            model.leave_all(id);
            Event::Closed { client }
        }
        12 => {
            let (joined, left) = (format!("+{text}"), format!("-{text}"));
            if is_here {
                if model.members.entry(plain).or_default().insert(id) {
                    model.say(&model.members(plain, Some(id)), &joined);
                }
                let words = model.last_words.entry(id).or_default();
                words.retain(|(of, _)| *of != plain);
                words.push((plain, left.clone()));
            }
            Event::JoinTold(Box::new(JoinTold {
                client,
                topic: plain.into(),
                joined: Some(message(&joined)),
                left: Some(message(&left)),
            }))
        }
        _ => return None,
    })
}

#[test]
fn whatever_falls_into_one_round_is_heard_as_though_it_came_one_by_one() {
    for seed in 1..=60_u64 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let room = Room::new();
        room.post(bounds(100));
        let guests: Vec<Guest> = (1..=GUESTS).map(|id| room.guest(id)).collect();
        let mut model = Model::default();
        for batch in 0..BATCHES {
            let events = (0..EVENTS_OF_BATCH).filter_map(|number| {
                let text = format!("{batch}.{number}");
                event(&mut random, &mut model, &guests, &text)
            });
            room.route.post_all(events.collect());
        }
        let expected: Vec<String> = guests
            .iter()
            .map(|guest| model.heard.get(&guest.id.0).cloned().unwrap_or_default())
            .collect();
        assert_eq!(room.heard(guests), expected, "seed {seed}");
    }
}
