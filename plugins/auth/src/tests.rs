use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{EncodingKey, Header, encode};
use plugin_api::testing::{Ask, Route, Setup};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Auth;
use super::cookie::sign;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is past 1970").as_secs()
}

fn write(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::write(&file, text).expect("it can be written");
    fs::set_permissions(file, Permissions::from_mode(0o600)).expect("it is ours");
}

/// A folder with a secret, and one user: `anna` with the password `correct horse`.
fn folder() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    write(folder.path(), "secret", &format!("{SECRET}\n"));
    // As weak as a test is quick; what a hash costs stands in it.
    let params = Params::new(8, 1, 1, None).expect("they are allowed");
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let salt = SaltString::encode_b64(b"somesalt").expect("a salt");
    let hash = argon2
        .hash_password(b"correct horse", &salt)
        .expect("a hash");
    write(
        folder.path(),
        "users",
        &format!("# who is known\n\nanna:{hash}\n"),
    );
    folder
}

fn setup(folder: &TempDir) -> Setup {
    Route::of::<Auth>().config_folder(folder.path())
}

fn token(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::default(), claims, &key).expect("it can be signed")
}

fn bearer(token: &str) -> Ask {
    Ask::get("/auth").header("Authorization", format!("Bearer {token}"))
}

fn basic(name: &str, password: &str) -> Ask {
    let encoded = STANDARD.encode(format!("{name}:{password}"));
    Ask::get("/auth").header("Authorization", format!("Basic {encoded}"))
}

#[track_caller]
fn assert_known(route: &Route, ask: Ask, name: &str) {
    let client = route.connect(ask);
    assert_eq!(client.text(), format!("welcome, {name}"));
    assert_eq!(client.label(), name);
    client.send("hello");
    assert_eq!(client.text(), format!("{name}: hello"));
}

#[track_caller]
fn assert_unknown(route: &Route, ask: Ask) {
    let refused = route.try_connect(ask).expect_err("it is nobody");
    assert_eq!(refused.status_code(), 401, "{}", refused.body_text());
    let challenge = refused.header_value("WWW-Authenticate");
    assert!(
        challenge.is_some_and(|text| text.contains("realm=")),
        "{challenge:?}"
    );
}

#[test]
fn a_signed_cookie_is_believed_until_its_time_is_over() {
    let folder = folder();
    let route = setup(&folder).option("secret_file", "secret").start();
    let cookie = |value: &str| Ask::get("/auth").cookie("login", value);
    let later = now() + 60;
    let good = sign(&format!("anna.b@example.org.{later}"), SECRET.as_bytes());
    assert_known(&route, cookie(&good), "anna.b@example.org");
    for bad in [
        sign(&format!("anna.{}", now()), SECRET.as_bytes()),
        sign(
            &format!("anna.{later}"),
            b"another secret, as long as it has to be",
        ),
        sign(&format!(".{later}"), SECRET.as_bytes()),
        sign("anna.soon", SECRET.as_bytes()),
        sign("anna", SECRET.as_bytes()),
        good.replace("anna", "adam"),
        good[..good.len() - 1].to_owned(),
        format!("{good}0"),
        format!("anna.{later}."),
        format!("anna.{later}"),
        "..".to_owned(),
        String::new(),
    ] {
        assert_unknown(&route, cookie(&bad));
    }
    let other = Ask::get("/auth").cookie("other", &good);
    assert_unknown(&route, other);
}

#[test]
fn a_token_is_believed_where_it_is_ours_and_in_time() {
    let folder = folder();
    let route = setup(&folder).option("secret_file", "secret").start();
    let good = token(&json!({ "sub": "anna", "exp": now() + 60 }));
    assert_known(&route, bearer(&good), "anna");
    let none = format!(
        "{}.{}.",
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#),
        good.split('.').nth(1).expect("its claims"),
    );
    let longer = Header::new(jsonwebtoken::Algorithm::HS512);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let claims = json!({ "sub": "anna", "exp": now() + 60 });
    let other = encode(&longer, &claims, &key).expect("it can be signed");
    for bad in [
        token(&json!({ "sub": "anna", "exp": now() - 1 })),
        token(&json!({ "sub": "anna" })),
        token(&json!({ "exp": now() + 60 })),
        token(&json!({ "sub": "", "exp": now() + 60 })),
        token(&json!({ "sub": "anna", "exp": now() + 60, "nbf": now() + 50 })),
        good[..good.len() - 2].to_owned(),
        none,
        other,
        "nonsense".to_owned(),
        String::new(),
    ] {
        assert_unknown(&route, bearer(&bad));
    }
    assert_unknown(&route, Ask::get("/auth"));
    let off = setup(&folder)
        .option("secret_file", "secret")
        .option("tokens", false)
        .start();
    assert_unknown(&off, bearer(&good));
}

#[test]
fn a_token_has_to_be_made_for_this_audience() {
    let folder = folder();
    let route = setup(&folder)
        .option("secret_file", "secret")
        .option("audience", "chat")
        .start();
    let of = |audience: Value| token(&json!({ "sub": "anna", "exp": now() + 60, "aud": audience }));
    assert_known(&route, bearer(&of(json!("chat"))), "anna");
    assert_known(&route, bearer(&of(json!(["chat", "mail"]))), "anna");
    assert_unknown(&route, bearer(&of(json!("mail"))));
    assert_unknown(
        &route,
        bearer(&token(&json!({ "sub": "anna", "exp": now() + 60 }))),
    );
}

#[test]
fn a_password_is_compared_by_its_hash() {
    let folder = folder();
    let route = setup(&folder).option("users_file", "users").start();
    assert_known(&route, basic("anna", "correct horse"), "anna");
    for (name, password) in [
        ("anna", "wrong"),
        ("anna", ""),
        ("Anna", "correct horse"),
        ("nobody", "hotsuchapassword"),
        ("", ""),
    ] {
        assert_unknown(&route, basic(name, password));
    }
    assert_unknown(
        &route,
        Ask::get("/auth").header("Authorization", "Basic !!"),
    );
    assert_unknown(&route, Ask::get("/auth").header("Authorization", "Basic"));
    assert_unknown(
        &route,
        Ask::get("/auth").header("Authorization", "Digest x"),
    );
}

#[test]
fn a_name_beside_a_good_cookie_is_nobodys() {
    let folder = folder();
    let setup = setup(&folder).option("secret_file", "secret");
    let route = setup.option("users_file", "users").start();
    let cookie = sign(&format!("bob.{}", now() + 60), SECRET.as_bytes());
    assert_known(
        &route,
        basic("anna", "wrong").cookie("login", &cookie),
        "bob",
    );
}

#[test]
fn a_plain_request_is_told_who_it_is_and_what_would_do() {
    let folder = folder();
    let setup = setup(&folder).option("secret_file", "secret");
    let route = setup.option("users_file", "users").start();
    assert_eq!(
        route.request(basic("anna", "correct horse")).body_text(),
        "anna\n"
    );
    let refused = route.request(Ask::get("/auth"));
    assert_eq!(refused.status_code(), 401);
    let named: Vec<_> = refused
        .headers()
        .filter(|(name, _)| *name == "WWW-Authenticate")
        .map(|(_, value)| value.split(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(named, ["Bearer", "Basic"]);
}

#[test]
fn who_was_let_in_stays_who_it_is_when_the_code_is_replaced() {
    let folder = folder();
    let route = setup(&folder).option("secret_file", "secret").start();
    let client = route.connect(bearer(&token(&json!({ "sub": "anna", "exp": now() + 60 }))));
    assert_eq!(client.text(), "welcome, anna");
    route.replace_by_itself().expect("it is replaced");
    client.send("hello");
    assert_eq!(client.text(), "anna: hello");
}

#[test]
fn files_that_cannot_be_believed_are_refused() {
    let folder = folder();
    write(folder.path(), "short", "secret");
    write(folder.path(), "no-hash", "anna:correct horse");
    write(folder.path(), "no-name", "hello");
    fs::write(folder.path().join("open"), SECRET).expect("it can be written");
    fs::set_permissions(folder.path().join("open"), Permissions::from_mode(0o644))
        .expect("it is ours");
    for (option, file, why) in [
        ("secret_file", "nowhere", "cannot be read"),
        ("secret_file", "short", "fewer than 32 bytes"),
        ("secret_file", "open", "may be read by others: chmod 600 it"),
        ("secret_file", ".", "is no file"),
        ("users_file", "open", "may be read by others"),
        ("users_file", "no-hash", "no-hash:1: no hash by Argon2"),
        ("users_file", "no-name", "no-name:1: no NAME:HASH"),
    ] {
        let refused = setup(&folder).option(option, file).try_start();
        let refused = refused.expect_err("it is refused");
        assert!(refused.contains(&format!("option `{option}`")), "{refused}");
        assert!(refused.contains(why), "{refused}");
    }
    let nobody = setup(&folder).start();
    assert_unknown(&nobody, Ask::get("/auth"));
}
