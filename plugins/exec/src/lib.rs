//! A program for each client: what the client says it reads, what it writes the client hears.
#![forbid(unsafe_code)]
mod environment;
mod errors;
mod lines;
mod options;
mod program;
mod writer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use plugin_api::{Cause, Client, ClientId, Config, Host, Message, Plugin, Reconfigured, Request};
use plugin_api::{Response, Result, Upgrade, log};

use options::Options;
use program::Program;
use writer::{Writer, Written};

struct Exec {
    host: Host,
    options: RwLock<Arc<Options>>,
    /// Those that have not ended; their threads take them out.
    programs: Arc<Programs>,
}

/// The programs at work, by client; none for one that is about to start.
#[derive(Default)]
struct Programs(Mutex<HashMap<ClientId, Option<Program>>>);

impl Programs {
    fn lock(&self) -> MutexGuard<'_, HashMap<ClientId, Option<Program>>> {
        // Nothing panics with it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exec {
    fn options(&self) -> Arc<Options> {
        let options = self.options.read();
        options.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_full(&self, options: &Options) -> bool {
        self.programs.lock().len() >= options.programs_max
    }

    fn end(&self, client: ClientId) {
        if let Some(Some(program)) = self.programs.lock().get(&client) {
            program.end();
        }
    }

    fn take_place(&self, client: ClientId, options: &Options) -> bool {
        let mut programs = self.programs.lock();
        let is_free = programs.len() < options.programs_max;
        if is_free {
            programs.insert(client, None);
        }
        is_free
    }
}

impl Plugin for Exec {
    type Session = Option<Writer>;

    fn create(host: Host, config: Config) -> Result<Self> {
        let options = Options::read(&config, host)?;
        if options.program.is_empty() {
            let path = host.path();
            log::info!("{path}: nobody is let in until the option `program` is set");
        }
        Ok(Exec {
            host,
            options: RwLock::new(Arc::new(options)),
            programs: Arc::default(),
        })
    }

    /// What runs goes on as it was started; who comes now gets the new program.
    fn reconfigure(&self, config: Config) -> Result<Reconfigured> {
        let options = Arc::new(Options::read(&config, self.host)?);
        *self.options.write().unwrap_or_else(PoisonError::into_inner) = options;
        Ok(Reconfigured::Done)
    }

    fn on_upgrade(&self, _: &Request) -> Result<Upgrade> {
        let options = self.options();
        let refuse = |why| Upgrade::refuse(Response::text(why).status(503));
        Ok(if options.program.is_empty() {
            refuse("no program is set for this route\n")
        } else if self.is_full(&options) {
            refuse("as many programs run as may: try again later\n")
        } else {
            Upgrade::accept()
        })
    }

    fn on_open(&self, client: &Client, request: &Request) -> Result<Option<Writer>> {
        let options = self.options();
        if !self.take_place(client.id(), &options) {
            // Others were let in at the same time.
            client.close(1013, "as many programs run as may")?;
            return Ok(None);
        }
        let started = Program::start(*client, request, &options, &self.programs);
        let (program, writer) = started.inspect_err(|_| {
            self.programs.lock().remove(&client.id());
        })?;
        // For the list of clients; an older server has no such word.
        client
            .set_label(&format!("process {}", program.number()))
            .ok();
        // It may have ended already, and has given its place back then.
        if let Some(place) = self.programs.lock().get_mut(&client.id()) {
            *place = Some(program);
        }
        Ok(Some(writer))
    }

    fn on_message(&self, client: &Client, writer: &mut Option<Writer>, message: Message) -> Result {
        let Some(writer) = writer else {
            return Ok(());
        };
        match writer.write(message.as_bytes(), || client.is_connected())? {
            Written::Done | Written::Deaf => {}
            Written::Late => {
                log::warn!(
                    "client {}: its program takes nothing it says; closed",
                    client.id()
                );
                client.close(1011, "the program does not read")?;
            }
            // What it has said besides is in its socket still, and `on_close` is behind that.
            Written::Gone => self.end(client.id()),
        }
        Ok(())
    }

    fn on_close(&self, client: &Client, writer: Option<Writer>, _: &Cause) -> Result {
        // The end of what it reads is the first that it hears of it.
        drop(writer);
        self.end(client.id());
        Ok(())
    }

    /// A program cannot be handed over to other code.
    fn save_state(&self) -> Result<Option<Vec<u8>>> {
        match self.programs.lock().len() {
            0 => Ok(None),
            count => Err(format!(
                "{count} programs run for its clients: replace the code when none does"
            )
            .into()),
        }
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        let threads: Vec<_> = {
            let mut programs = self.programs.lock();
            let at_work = programs.values_mut().flatten();
            at_work
                .filter_map(|program| {
                    program.end();
                    program.take_thread()
                })
                .collect()
        };
        for thread in threads {
            // One that has panicked has ended.
            thread.join().ok();
        }
    }
}

plugin_api::export!(Exec, path = "/exec", options = Options);

#[cfg(test)]
mod tests;
