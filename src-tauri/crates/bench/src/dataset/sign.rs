//! Signing in rounds: what a round answers was signed in an earlier one, so that its authors can sign side by side.

use std::{collections::BTreeMap, io::Write, thread};

use feed::{Content, Head, KeyPair, MessageId};

use super::{
    Facts, MORE, Parameters,
    plan::{Draft, Plan},
    render::{Cast, keys},
    words::Words,
};
use crate::Error;

/// Messages of a round at most; a set has at least so many rounds, so that small ones have threads too.
const ROUND: usize = 2048;
const ROUNDS: usize = 64;

/// A message of a round, ready to be written.
struct Signed {
    id: MessageId,
    line: Vec<u8>,
    value_bytes: usize,
    kind: String,
}

/// What one author writes in a round: the numbers of the drafts, oldest first.
struct Share {
    author: usize,
    numbers: Vec<usize>,
}

pub(super) fn write(
    parameters: &Parameters,
    out: &mut impl Write,
    more: &mut impl Write,
    threads: usize,
) -> Result<Facts, Error> {
    let words = Words::new();
    let authors = parameters.authors.max(1);
    let keys: Vec<KeyPair> = (0..authors).map(|author| keys(parameters.seed, author)).collect();
    let cast = Cast::new(parameters.seed, &keys, &words, parameters.messages);
    let mut plan = Plan::new(parameters.seed, authors);
    let mut heads: Vec<Option<Head>> = vec![None; authors];
    let mut ids: Vec<MessageId> = Vec::with_capacity(parameters.messages);
    let mut facts = Facts::default();
    let round = (parameters.messages / ROUNDS).clamp(1, ROUND);
    while ids.len() < parameters.messages + MORE {
        let drafts = plan.round(round.min(parameters.messages + MORE - ids.len()));
        let signed = sign(&cast, &drafts, &ids, &mut heads, threads.max(1))?;
        for message in signed {
            if ids.len() >= parameters.messages {
                more.write_all(&message.line)?;
                ids.push(message.id);
                continue;
            }
            out.write_all(&message.line)?;
            facts.messages += 1;
            facts.line_bytes += message.line.len() as u64;
            facts.value_bytes += message.value_bytes as u64;
            *facts.kinds.entry(message.kind).or_default() += 1;
            ids.push(message.id);
        }
    }
    Ok(facts)
}

/// Signs one round; the result is in the order of the drafts.
fn sign(
    cast: &Cast<'_>,
    drafts: &[Draft],
    ids: &[MessageId],
    heads: &mut [Option<Head>],
    threads: usize,
) -> Result<Vec<Signed>, Error> {
    let mut parts: Vec<Vec<Share>> = (0..threads).map(|_| Vec::new()).collect();
    for share in shares(drafts) {
        // The longest first, each to whoever has least to do.
        let part = parts.iter_mut().min_by_key(|part| part.iter().map(|share| share.numbers.len()).sum::<usize>());
        if let Some(part) = part {
            part.push(share);
        }
    }
    let known: &[Option<Head>] = heads;
    let done: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = parts
            .iter()
            .map(|part| scope.spawn(move || part.iter().map(|share| chain(cast, share, drafts, ids, known)).collect()))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<Vec<Result<_, Error>>>>()
    });
    let mut signed: BTreeMap<usize, Signed> = BTreeMap::new();
    for (share, messages) in parts.iter().flatten().zip(done.into_iter().flatten()) {
        let (head, messages) = messages?;
        heads[share.author] = head;
        signed.extend(share.numbers.iter().copied().zip(messages));
    }
    Ok(signed.into_values().collect())
}

/// The drafts of each author; the longest share first.
fn shares(drafts: &[Draft]) -> Vec<Share> {
    let mut by_author: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, draft) in drafts.iter().enumerate() {
        by_author.entry(draft.author).or_default().push(number);
    }
    let mut shares: Vec<Share> = by_author.into_iter().map(|(author, numbers)| Share { author, numbers }).collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.numbers.len()));
    shares
}

/// The messages of one author, and their new head.
fn chain(
    cast: &Cast<'_>,
    share: &Share,
    drafts: &[Draft],
    ids: &[MessageId],
    heads: &[Option<Head>],
) -> Result<(Option<Head>, Vec<Signed>), Error> {
    let mut head = heads[share.author];
    let mut signed = Vec::with_capacity(share.numbers.len());
    for number in &share.numbers {
        let draft = &drafts[*number];
        let content = cast.content(ids.len() + number, draft, ids)?;
        let message = feed::sign(&cast.keys[share.author], None, head.as_ref(), draft.time_ms as f64, &content)?;
        head = Some(message.head());
        let (id, value) = (message.id(), message.encoded());
        let mut line = Vec::with_capacity(value.len() + 128);
        write!(line, "{{\"key\":\"{id}\",\"value\":")?;
        line.extend_from_slice(value);
        // Received a moment later.
        writeln!(line, ",\"timestamp\":{}}}", draft.time_ms + 1 + (id.hash()[0] as u64) * 8)?;
        let kind = match message.content() {
            Content::Object(content) => {
                content.get("type").and_then(feed::json::Value::as_str).unwrap_or_default().into_owned()
            }
            Content::Sealed(_) => "sealed".to_owned(),
        };
        signed.push(Signed { id, value_bytes: value.len(), line, kind });
    }
    Ok((head, signed))
}
