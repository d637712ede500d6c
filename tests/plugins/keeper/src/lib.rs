//! A plugin that uses files: it reads a greeting that its options name, keeps notes of its own, and
//! leaves traces of its begin and end beside the configuration, so that a test sees what was made.
#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use plugin_api::{Client, Config, ConfigError, Host, Message, Plugin, Result};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Required; a relative path begins at the configuration's folder.
    greeting_file: PathBuf,
    #[serde(default)]
    lamps: Vec<Lamp>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Lamp {
    #[serde(rename = "pin")]
    _pin: u8,
}

struct Keeper {
    host: Host,
    greeting: String,
    folder: PathBuf,
}

impl Plugin for Keeper {
    type Session = ();

    fn create(host: Host, config: Config) -> Result<Self> {
        let options: Options = config.parse()?;
        let folder = host.config_folder()?;
        let greeting = fs::read_to_string(folder.join(&options.greeting_file))
            .map_err(|error| ConfigError::new("greeting_file", error))?;
        if options.lamps.len() > 2 {
            return Err(ConfigError::new("lamps[2]", "there are two lamps").into());
        }
        // A host that does nothing takes all of it.
        host.broadcast("I am here")?;
        host.set_interval(Duration::from_millis(1))?;
        assert_eq!(host.member_count("nobody")?, 0);
        fs::write(folder.join("created"), "")?;
        Ok(Keeper {
            host,
            greeting,
            folder,
        })
    }

    fn on_message(&self, client: &Client, (): &mut (), message: Message) -> Result {
        let text = message.to_string();
        let notes = || Ok::<_, plugin_api::Error>(self.host.state_folder()?.join("notes"));
        let answer = match text.split_once(' ').unwrap_or((&text, "")) {
            ("greet", _) => self.greeting.clone(),
            ("note", what) => match notes() {
                Ok(file) => fs::write(&file, what).map(|()| file.display().to_string())?,
                Err(error) => error.to_string(),
            },
            ("recall", _) => fs::read_to_string(notes()?)?,
            _ => return Err("it knows greet, note and recall".into()),
        };
        client.send(answer)?;
        Ok(())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Where the folder has gone with the test, nobody looks for it.
        fs::write(self.folder.join("ended"), "").ok();
    }
}

plugin_api::export!(Keeper, path = "/keeper");
