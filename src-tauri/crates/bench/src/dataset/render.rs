//! The contents themselves: words, mentions, pictures, sealed texts.

use feed::{BlobId, KeyPair, MessageId, json::Value, private_box};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use sha2::{Digest, Sha256};

use super::{
    chance::{Weights, below, fraction, happens},
    plan::{Draft, InThread, Says},
    words::Words,
};
use crate::Error;

/// Channels that are written to, the most popular first.
const CHANNELS: usize = 200;
/// The longest text, in words; one in a hundred posts is drawn out to something like it.
const LONGEST: f64 = 540.0;
/// The words of a post but for those: 4 to 94, 34 on average.
const USUAL: f64 = 90.0;
const FIRST_NAMES: &[&str] =
    &["Ada", "Bo", "Cleo", "Dov", "Esi", "Fen", "Gil", "Hua", "Ito", "Jun", "Kai", "Lou", "Mio", "Nia", "Oya", "Pim"];

/// What all contents of a set are made from.
pub(crate) struct Cast<'a> {
    pub(crate) seed: u64,
    pub(crate) keys: &'a [KeyPair],
    pub(crate) words: &'a Words,
    channels: Vec<String>,
    popularity: Weights,
    blobs: usize,
}

impl<'a> Cast<'a> {
    pub(crate) fn new(seed: u64, keys: &'a [KeyPair], words: &'a Words, messages: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 1);
        let channels = (0..CHANNELS).map(|_| words.uniformly(&mut random).to_owned()).collect();
        let popularity = Weights::new((0..CHANNELS).map(|rank| 1.0 / (rank as f64 + 2.0)));
        // A picture is shown two or three times on average.
        Self { seed, keys, words, channels, popularity, blobs: (messages / 50).max(50) }
    }

    /// The name of the author of this number.
    pub(crate) fn name(author: usize) -> String {
        format!("{} {}", FIRST_NAMES[author % FIRST_NAMES.len()], author + 1)
    }

    /// The content of message `number`; `ids` are those of the rounds before.
    pub(crate) fn content(&self, number: usize, draft: &Draft, ids: &[MessageId]) -> Result<Value<'static>, Error> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        // A stream of its own, so that messages can be written in any order.
        random.set_stream(1 + number as u64);
        let random = &mut random;
        Ok(match &draft.says {
            Says::About { of, is_first } => self.about(*of, *is_first, random),
            Says::Contact { whom, following, blocking } => {
                let mut fields = vec![
                    ("type", Value::from("contact")),
                    ("contact", self.person(*whom)),
                    ("following", Value::Bool(*following)),
                ];
                if *blocking {
                    fields.push(("blocking", Value::Bool(true)));
                }
                Value::object(fields)
            }
            Says::Post { place, quotes } => self.post(place.as_ref(), quotes.map(|number| ids[number]), ids, random),
            Says::Vote { link } => {
                let likes = !happens(random, 50);
                let vote = Value::object([
                    ("link", text(&ids[*link].to_string())),
                    ("value", Value::Number(if likes { 1.0 } else { 0.0 })),
                    ("expression", Value::from(if likes { "Like" } else { "Unlike" })),
                ]);
                Value::object([("type", Value::from("vote")), ("vote", vote)])
            }
            Says::Private { recipients } => self.private(recipients, random)?,
            Says::Channel => Value::object([
                ("type", Value::from("channel")),
                ("channel", self.channel(random)),
                ("subscribed", Value::Bool(happens(random, 800))),
            ]),
            Says::Pub { whom } => {
                let address = Value::object([
                    ("host", text(&format!("192.0.2.{}", below(random, 255)))),
                    ("port", Value::Number(8008.0)),
                    ("key", self.person(*whom)),
                ]);
                Value::object([("type", Value::from("pub")), ("address", address)])
            }
            Says::Blog => Value::object([
                ("type", Value::from("blog")),
                ("title", self.words(4, random)),
                ("summary", self.words(20, random)),
                ("thumbnail", self.blob(random)),
                ("blog", self.blob(random)),
            ]),
        })
    }

    fn about(&self, of: usize, is_first: bool, random: &mut ChaCha8Rng) -> Value<'static> {
        let mut name = Self::name(of);
        if !is_first {
            name.push(' ');
            name.push_str(self.words.by_frequency(random));
        }
        let mut fields = vec![("type", Value::from("about")), ("about", self.person(of)), ("name", text(&name))];
        if is_first {
            fields.push(("description", self.words(12, random)));
            if happens(random, 500) {
                let image = Value::object([
                    ("link", self.blob(random)),
                    ("size", Value::Number(1000.0 + below(random, 90_000) as f64)),
                    ("type", Value::from("image/jpeg")),
                    ("width", Value::Number(256.0)),
                    ("height", Value::Number(256.0)),
                ]);
                fields.push(("image", image));
            }
        }
        Value::object(fields)
    }

    fn post(
        &self,
        place: Option<&InThread>,
        quotes: Option<MessageId>,
        ids: &[MessageId],
        random: &mut ChaCha8Rng,
    ) -> Value<'static> {
        let length = fraction(random);
        let longest = if happens(random, 10) { LONGEST } else { USUAL };
        let mut words = String::new();
        self.words.write(&mut words, 4 + (length * length * longest) as usize, random);
        let mut mentions = Vec::new();
        if happens(random, 200) {
            let whom = below(random, self.keys.len());
            let (name, id) = (Self::name(whom), self.keys[whom].feed_id().to_string());
            words.push_str(&format!(" [@{name}]({id})"));
            mentions.push(Value::object([("link", text(&id)), ("name", text(&name))]));
        }
        if happens(random, 100) {
            let (id, size) = (self.blob(random), 1000.0 + below(random, 2_000_000) as f64);
            words.push_str(&format!(" ![photo.jpg]({})", id.as_str().unwrap_or_default()));
            mentions.push(Value::object([
                ("link", id),
                ("name", Value::from("photo.jpg")),
                ("type", Value::from("image/jpeg")),
                ("size", Value::Number(size)),
            ]));
        }
        if happens(random, 100) {
            let channel = format!("#{}", self.channel_name(random));
            words.push_str(&format!(" {channel}"));
            mentions.push(Value::object([("link", text(&channel))]));
        }
        if let Some(id) = quotes {
            words.push_str(&format!(" see {id}"));
            mentions.push(Value::object([("link", text(&id.to_string()))]));
        }
        let mut fields = vec![("type", Value::from("post")), ("text", text(&words))];
        if !mentions.is_empty() {
            fields.push(("mentions", Value::Array(mentions)));
        }
        let id = |number: usize| text(&ids[number].to_string());
        match place {
            None if happens(random, 150) => fields.push(("channel", self.channel(random))),
            None => {}
            Some(place) => {
                fields.push(("root", id(place.root)));
                let branch = match place.branch.as_slice() {
                    [one] => id(*one),
                    many => Value::Array(many.iter().map(|number| id(*number)).collect()),
                };
                fields.push(("branch", branch));
                if let Some(fork) = place.fork {
                    fields.push(("fork", id(fork)));
                }
            }
        }
        Value::object(fields)
    }

    fn private(&self, recipients: &[usize], random: &mut ChaCha8Rng) -> Result<Value<'static>, Error> {
        let plain = Value::object([
            ("type", Value::from("post")),
            ("text", self.words(5 + below(random, 40), random)),
            ("recps", Value::Array(recipients.iter().map(|author| self.person(*author)).collect())),
        ]);
        let ids: Vec<_> = recipients.iter().map(|author| self.keys[*author].feed_id()).collect();
        // Nobody keeps a secret behind these keys, so the seeded source is good enough.
        let sealed = private_box::seal(plain.to_compact().as_bytes(), &ids, random)?;
        Ok(text(&sealed))
    }

    fn words(&self, count: usize, random: &mut ChaCha8Rng) -> Value<'static> {
        let mut words = String::new();
        self.words.write(&mut words, count, random);
        text(&words)
    }

    fn person(&self, author: usize) -> Value<'static> {
        text(&self.keys[author].feed_id().to_string())
    }

    fn channel_name(&self, random: &mut ChaCha8Rng) -> &str {
        &self.channels[self.popularity.choose(random)]
    }

    fn channel(&self, random: &mut ChaCha8Rng) -> Value<'static> {
        text(self.channel_name(random))
    }

    fn blob(&self, random: &mut ChaCha8Rng) -> Value<'static> {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update((below(random, self.blobs) as u64).to_le_bytes());
        text(&BlobId::classic(hash.finalize().into()).to_string())
    }
}

/// The key pair of the author of this number.
pub(crate) fn keys(seed: u64, author: usize) -> KeyPair {
    let mut bytes = [0; 32];
    ChaCha8Rng::seed_from_u64(seed ^ ((1 + author as u64) << 32)).fill_bytes(&mut bytes);
    KeyPair::from_seed(&bytes)
}

fn text(text: &str) -> Value<'static> {
    Value::from(text.to_owned())
}
