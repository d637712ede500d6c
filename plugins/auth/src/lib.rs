//! A room that only lets in who is known, and tells the others who speaks. Take what you need of it into a plugin of your own.
#![forbid(unsafe_code)]
mod cookie;
mod password;
mod secret;
mod token;

use std::path::PathBuf;

use plugin_api::log;
use plugin_api::{
    Client, Config, Host, Message, Plugin, Request, Response, Result, Saved, Upgrade,
};

use password::Users;
use secret::Secret;
use token::Tokens;

/// What a route of this plugin is told. Paths are relative to the file of settings.
#[derive(serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    /// What cookies and tokens are signed with.
    secret_file: Option<PathBuf>,
    /// Name of the cookie; empty for none.
    cookie: String,
    /// Whether tokens are taken.
    tokens: bool,
    /// Whom tokens have to be made for; none for anyone.
    audience: Option<String>,
    /// Names and hashes of passwords.
    users_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            secret_file: None,
            cookie: "login".to_owned(),
            tokens: true,
            audience: None,
            users_file: None,
        }
    }
}

/// The ways to show who one is; none where it is not configured.
struct Auth {
    host: Host,
    secret: Option<Secret>,
    cookie: String,
    tokens: Option<Tokens>,
    users: Option<Users>,
}

/// A user's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct User(String);

impl Auth {
    /// Who sends this request; none where nobody that is known does.
    fn who(&self, request: &Request) -> Option<User> {
        if let (Some(secret), Some(value)) = (&self.secret, request.cookie(&self.cookie))
            && let Some(user) = cookie::check(value, secret)
        {
            return Some(user);
        }
        let (scheme, value) = request.header("Authorization")?.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => self.tokens.as_ref()?.check(value.trim()),
            "basic" => self.users.as_ref()?.check(value.trim()),
            _ => None,
        }
    }

    /// 401 names what would do (RFC 9110 section 11.6.1).
    fn unauthorized(&self) -> Response {
        let response = Response::text("say who you are\n").status(401);
        let response = response.header("Cache-Control", "no-store");
        let response = match &self.tokens {
            Some(_) => response.header("WWW-Authenticate", "Bearer realm=\"detent\""),
            None => response,
        };
        match &self.users {
            Some(_) => response.header(
                "WWW-Authenticate",
                "Basic realm=\"detent\", charset=\"UTF-8\"",
            ),
            // A 401 has to name one at least.
            None if self.tokens.is_none() => {
                response.header("WWW-Authenticate", "Cookie realm=\"detent\"")
            }
            None => response,
        }
    }
}

impl Plugin for Auth {
    type Session = User;

    fn create(host: Host, config: Config) -> Result<Self> {
        let options: Options = config.parse()?;
        let folder = host.config_folder()?;
        let secret = options
            .secret_file
            .map(|file| Secret::read(&folder.join(file)))
            .transpose()?;
        let tokens = secret.as_ref().filter(|_| options.tokens);
        let tokens = tokens.map(|secret| Tokens::new(secret, options.audience.as_deref()));
        let users = options
            .users_file
            .map(|file| Users::read(&folder.join(file)))
            .transpose()?;
        if secret.is_none() && users.is_none() {
            let path = host.path();
            log::info!("{path}: nobody is let in until `secret_file` or `users_file` is set");
        }
        Ok(Auth {
            host,
            secret,
            cookie: options.cookie,
            tokens,
            users,
        })
    }

    fn on_upgrade(&self, request: &Request) -> Result<Upgrade> {
        Ok(match self.who(request) {
            Some(_) => Upgrade::accept(),
            None => Upgrade::refuse(self.unauthorized()),
        })
    }

    fn on_open(&self, client: &Client, request: &Request) -> Result<User> {
        // Asked once more, since nothing is carried over from `on_upgrade`: it costs a password's hash again, and what has come
        // out of date in between does not count any more.
        let user = self.who(request).ok_or("it is known no more")?;
        // For the list of clients; an older server has no such word.
        client.set_label(&user.0).ok();
        client.send(format!("welcome, {}", user.0))?;
        Ok(user)
    }

    fn on_message(&self, _: &Client, user: &mut User, message: Message) -> Result {
        self.host.broadcast(format!("{}: {message}", user.0))?;
        Ok(())
    }

    /// A page asks who it is before it connects, since a browser does not tell it why a WebSocket is refused.
    fn on_request(&self, request: &Request) -> Result<Response> {
        Ok(match self.who(request) {
            Some(user) => Response::text(user.0 + "\n").header("Cache-Control", "no-store"),
            None => self.unauthorized(),
        })
    }

    fn save_session(&self, _: &Client, user: &User) -> Result<Option<Vec<u8>>> {
        Ok(Some(user.0.clone().into_bytes()))
    }

    fn on_resume(
        &self,
        client: &Client,
        request: &Request,
        session: Option<Saved<'_>>,
    ) -> Result<User> {
        match session {
            Some(name) => Ok(User(String::from_utf8(name.to_vec())?)),
            None => self.on_open(client, request),
        }
    }
}

plugin_api::export!(Auth, path = "/auth", options = Options);

#[cfg(test)]
mod tests;
