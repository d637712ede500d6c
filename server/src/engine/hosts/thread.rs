//! The thread `engine-hosts`: tells the other hosts what this one has, and reads what they have.
//!
//! Waits for Redis, and for the next second.

use std::sync::Arc;
use std::time::Instant;

use log::{debug, info, warn};
use redis::{Cmd, Value, cmd};

use super::super::address::Address;
use super::super::link::{Link, Trouble};
use super::super::reach::reach;
use super::super::terms::{Terms, machine, this_host};
use super::super::top::error_in;
use super::desk::Desk;
use super::elsewhere::Elsewhere;
use super::others::{Others, ask_all};
use super::own::{News, Own};
use super::word::Keys;
use crate::ids::HostNumber;
use crate::limits::{HOSTS_EXPIRE, HOSTS_LOOK, HOSTS_RENEW, REDIS_RETRY_LEAST, REDIS_RETRY_MOST};

pub(super) struct Thread {
    address: Address,
    keys: Keys,
    number: HostNumber,
    desk: Arc<Desk>,
    elsewhere: Arc<Elsewhere>,
    own: Own,
    others: Others,
    /// When Redis was told last that this host is there.
    renewed: Option<Instant>,
    /// What the log was told last.
    told: Option<Trouble>,
}

impl Thread {
    pub(super) fn new(terms: &Terms, desk: Arc<Desk>, elsewhere: Arc<Elsewhere>) -> Thread {
        Thread {
            address: terms.address.clone(),
            keys: Keys::new(&terms.prefix),
            number: this_host(),
            desk,
            elsewhere,
            own: Own::new(machine().to_owned()),
            others: Others::new(),
            renewed: None,
            told: None,
        }
    }

    pub(super) fn run(mut self) {
        let mut retry = REDIS_RETRY_LEAST;
        while !self.desk.is_ending() {
            let mut has_looked = false;
            if let Err(trouble) = self.session(&mut has_looked) {
                // That it is away is told of each route; not what it refuses of this alone.
                debug!("{}: hosts: {trouble}", self.address);
                self.report(trouble);
            }
            retry = match has_looked {
                true => REDIS_RETRY_LEAST,
                false => (2 * retry).min(REDIS_RETRY_MOST),
            };
            self.desk.wait(retry);
        }
    }

    /// One connection; returns at the end.
    fn session(&mut self, has_looked: &mut bool) -> Result<(), Trouble> {
        let mut link = reach(&self.address, &self.stream(), None)?;
        self.own.forget();
        self.renewed = None;
        loop {
            self.look(&mut link)?;
            *has_looked = true;
            if self.desk.wait(HOSTS_LOOK) {
                return self.say_goodbye(&mut link);
            }
        }
    }

    /// One of the streams: of several masters that which all routes go to is the one where it has come furthest.
    fn stream(&self) -> String {
        let state = self.desk.state.lock();
        let path = state.routes.first().map_or("", |route| &*route.path);
        self.keys.stream(path)
    }

    fn look(&mut self, link: &mut Link) -> Result<(), Trouble> {
        self.desk.begin_look();
        let news = self.own.look(&self.desk.state.lock().routes);
        let is_due = self.renewed.is_none_or(|at| at.elapsed() >= HOSTS_RENEW);
        let tells = news.is_new || is_due;
        let mut commands = self.commands(&news, tells);
        let mut hosts = cmd("SMEMBERS");
        hosts.arg(self.keys.hosts());
        commands.push(hosts);
        let mut answers = ask_all(link, &commands)?;
        let Some(listed) = answers.pop() else {
            return Err(Trouble::Strange);
        };
        if let Some(trouble) = error_in(&listed) {
            return Err(trouble);
        }
        let refused = answers.iter().find_map(error_in);
        if let Some(Trouble::Refused(why)) = &refused
            && why.starts_with("READONLY")
        {
            // It was the master, and another one is now.
            return Err(Trouble::Replica);
        }
        if let Some(trouble) = refused {
            // What the others have may be read all the same.
            self.own.forget();
            self.report(trouble);
        } else {
            if tells {
                self.note_told(&news, &answers);
            }
            if self.told.take().is_some() {
                info!("{}: hosts know of each other again", self.address);
            }
        }
        let is_shared = |path: &str| news.word.routes.contains_key(path);
        self.others.read(
            link,
            &self.keys,
            self.number,
            listed,
            is_shared,
            &self.elsewhere,
        )?;
        self.desk.end_look();
        Ok(())
    }

    /// What tells the news: first lists, then the word that names them.
    fn commands(&self, news: &News, tells: bool) -> Vec<Cmd> {
        let set = |key: String, value: &[u8]| {
            let mut command = cmd("SET");
            command
                .arg(key)
                .arg(value)
                .arg("EX")
                .arg(HOSTS_EXPIRE.as_secs());
            command
        };
        let mut commands = Vec::new();
        for path in news.kept.iter().filter(|_| tells) {
            let mut command = cmd("EXPIRE");
            let key = self.keys.list(self.number, path);
            command.arg(key).arg(HOSTS_EXPIRE.as_secs());
            commands.push(command);
        }
        for (path, json) in &news.lists {
            commands.push(set(self.keys.list(self.number, path), json));
        }
        for path in &news.ended {
            let mut command = cmd("DEL");
            command.arg(self.keys.list(self.number, path));
            commands.push(command);
        }
        if tells {
            commands.push(set(self.keys.word(self.number), &news.word.to_json()));
            let mut command = cmd("SADD");
            command.arg(self.keys.hosts()).arg(self.number.to_string());
            commands.push(command);
        }
        commands
    }

    /// Redis has taken all of it.
    fn note_told(&mut self, news: &News, answers: &[Value]) {
        self.own.note_told(news.word.clone());
        self.renewed = Some(Instant::now());
        for (path, answer) in news.kept.iter().zip(answers) {
            if *answer == Value::Int(0) {
                self.own.forget_list(path);
            }
        }
    }

    /// The others need not wait until Redis forgets this host.
    fn say_goodbye(&self, link: &mut Link) -> Result<(), Trouble> {
        let mut gone = cmd("DEL");
        gone.arg(self.keys.word(self.number));
        for path in self.own.paths() {
            gone.arg(self.keys.list(self.number, path));
        }
        let mut unlisted = cmd("SREM");
        unlisted.arg(self.keys.hosts()).arg(self.number.to_string());
        ask_all(link, &[gone, unlisted]).map(drop)
    }

    fn report(&mut self, trouble: Trouble) {
        let is_news =
            matches!(trouble, Trouble::Refused(_)) && self.told.as_ref() != Some(&trouble);
        if is_news {
            warn!(
                "{}: {trouble}; so hosts do not know of each other, and count their own clients alone",
                self.address
            );
            self.told = Some(trouble);
        }
    }
}
