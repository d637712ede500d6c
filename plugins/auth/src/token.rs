//! A bearer token (RFC 6750): a JWT that is signed with HS256 and has a subject and an end.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

use crate::User;
use crate::secret::Secret;

/// What a token has to be.
pub(crate) struct Tokens {
    key: DecodingKey,
    validation: Validation,
}

#[derive(serde::Deserialize)]
struct Claims {
    sub: String,
}

impl Tokens {
    pub(crate) fn new(secret: &Secret, audience: Option<&str>) -> Tokens {
        // No other algorithm, whatever the token says of itself.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.leeway = 0;
        validation.validate_nbf = true;
        match audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.required_spec_claims.insert("aud".to_owned());
            }
            None => validation.validate_aud = false,
        }
        Tokens {
            key: DecodingKey::from_secret(secret.bytes()),
            validation,
        }
    }

    pub(crate) fn check(&self, token: &str) -> Option<User> {
        let token = decode::<Claims>(token, &self.key, &self.validation).ok()?;
        let name = token.claims.sub;
        (!name.is_empty()).then_some(User(name))
    }
}
