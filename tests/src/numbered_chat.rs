//! A chat with the plugin `variant` in which every message has a number, so that one that is lost,
//! doubled or out of order fails the test, whatever happens to the route meanwhile.

use crate::Client;

/// A client and how far it is.
pub struct NumberedChat {
    /// Its connection; who sends through it sends unnumbered messages, which count in the answers.
    pub client: Client,
    /// Messages that were sent and answered.
    pub count: u64,
}

/// What an answer says beside the numbers.
pub struct Answer {
    /// The version of the plugin that gave it.
    pub version: String,
    /// How often the session was taken over by another version.
    pub resumed: u64,
    /// The client's `X-User`.
    pub user: String,
}

impl NumberedChat {
    /// Begins with number 1; the client has sent nothing yet.
    pub fn new(client: Client) -> NumberedChat {
        NumberedChat { client, count: 0 }
    }

    /// Sends so many messages at once and waits for their answers: each has to be the next one,
    /// whichever version gives it.
    #[track_caller]
    pub fn exchange(&mut self, messages: u64) -> Vec<Answer> {
        for number in 1..=messages {
            self.client.send(&format!("m{}", self.count + number));
        }
        (0..messages).map(|_| self.next_answer()).collect()
    }

    #[track_caller]
    fn next_answer(&mut self) -> Answer {
        self.count += 1;
        let answer = self.client.text();
        let words: Vec<&str> = answer.split(' ').collect();
        let [version, own, _total, resumed, user, text] = words[..] else {
            panic!("not an answer: {answer}");
        };
        let (number, message) = (self.count.to_string(), format!("m{}", self.count));
        assert_eq!((own, text), (&*number, &*message), "{answer}");
        Answer {
            version: version.to_owned(),
            resumed: resumed.parse().expect("a number"),
            user: user.to_owned(),
        }
    }
}
