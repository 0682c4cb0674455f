//! Search as screens show it.

use std::collections::BTreeSet;
use std::time::Duration;

use feed::PersonId;
use social::search::{Day, SearchTerms, parse, readable, snippet, words};
use social::{Kind, Target};
use store::{Found, FoundText, Search, SearchCursor, SearchResult};

use crate::App;
use crate::history::type_of;
use crate::people::People;
use crate::view::{self, Failure, FailureCode, SearchHit, SearchOrder, SearchPage, SearchQuery, SnippetPart};

/// People on a page of a search.
const PEOPLE: usize = 10;

/// How many people a name after `from:` may mean.
const MEANT: usize = 16;

/// How long a search waits for full text to take in the newest messages, where only few are missing.
const PATIENCE: Duration = Duration::from_millis(100);

/// How many are few.
const FEW: u64 = 512;

impl App {
    /// A page of what is found by a search.
    ///
    /// # Errors
    /// When the place or a day cannot be read, the node is shutting down or the store cannot be read.
    pub async fn search(&self, query: SearchQuery) -> Result<SearchPage, Failure> {
        let cursor = query.cursor.as_deref().map(place).transpose()?;
        let terms = parse(&query.text, query.typing);
        // What was written a moment ago is expected to be there.
        if (1..=FEW).contains(&self.store().behind().0) {
            let _ = tokio::time::timeout(PATIENCE, self.store().catch_up()).await;
        }
        let target = match terms.target {
            Some(target) if cursor.is_none() => self.stored(target).await?,
            _ => None,
        };
        let people = if cursor.is_none() { self.people_meant(&terms, &query).await? } else { Vec::new() };
        let pasted = terms.target;
        let is_for_nothing = is_for_nothing(&terms, &query);
        let (search, unknown) = self.narrowed(terms, &query, cursor).await?;
        let SearchResult { found, next } = match query.order {
            SearchOrder::Newest => self.store().search(&search).await?,
            SearchOrder::Best => self.store().search_best(&search).await?,
        };
        let shown: BTreeSet<PersonId> = found.iter().map(|found| found.author).chain(people.iter().copied()).collect();
        let known = People::load(self.store(), shown, self.near().await?).await?;
        let is_empty = cursor.is_none() && found.is_empty() && people.is_empty() && target.is_none();
        let note = match pasted {
            _ if !is_empty => None,
            Some(pasted) => self.stored_otherwise(pasted).await?,
            None if is_for_nothing => Some("Say what to look for: a word, a person, a channel or a time.".to_owned()),
            None => no_day(&query.text).or_else(|| unknown.map(|name| format!("Nobody here is called “{name}”."))),
        };
        Ok(SearchPage {
            target,
            note,
            people: people.into_iter().map(|person| known.view(person)).collect(),
            hits: found.into_iter().map(|found| hit(found, &search, &known)).collect(),
            next: next.map(|next| next.to_string()),
            behind: u32::try_from(self.store().behind().0).unwrap_or(u32::MAX),
        })
    }

    /// Waits until full text has taken in everything that is stored.
    ///
    /// # Errors
    /// When the disk refuses or the node is shutting down.
    pub async fn catch_up(&self) -> Result<(), Failure> {
        Ok(self.store().catch_up().await?)
    }

    /// The place in the window for something stored here.
    async fn stored(&self, target: Target) -> Result<Option<view::Target>, Failure> {
        Ok(match target {
            Target::Feed(feed) => {
                let person = PersonId::from(feed);
                let profile = self.store().names(&[person]).await?.remove(&person).unwrap_or_default();
                let is_known = profile.name.is_some() || self.store().person(&person).await?.messages > 0;
                is_known.then(|| view::Target::Person(person.to_string()))
            }
            Target::Message(id) => {
                let stored = self.store().message(id).await?;
                let is_post = stored.is_some_and(|stored| matches!(social::kind(&stored.message), Kind::Post(_)));
                is_post.then(|| view::Target::Thread(id.to_string()))
            }
            Target::Blob(_) => None,
        })
    }

    /// People whom the words alone may mean.
    async fn people_meant(&self, terms: &SearchTerms, query: &SearchQuery) -> Result<Vec<PersonId>, Failure> {
        let is_narrowed = !(terms.from.is_empty() && terms.channels.is_empty() && terms.excluded.is_empty())
            || terms.before.is_some()
            || terms.after.is_some()
            || [&query.from, &query.channel, &query.before, &query.after].into_iter().any(Option::is_some);
        match is_narrowed {
            true => Ok(Vec::new()),
            false => Ok(self.store().find_people(&terms.wanted, PEOPLE).await?),
        }
    }

    /// What is said of a pasted id that is stored here and has no screen.
    async fn stored_otherwise(&self, target: Target) -> Result<Option<String>, Failure> {
        Ok(match target {
            Target::Message(id) => self.store().message(id).await?.map(|stored| {
                let kind = type_of(&stored.message);
                format!("This message is stored here, but it is no post: its type is “{kind}”. `peri links {id} --from` shows what it belongs to.")
            }),
            Target::Blob(id) => match self.blob(&id.to_string()).await {
                Ok(_) => Some(format!("This file is stored here: `peri blob get '{id}' --out FILE` writes it.")),
                Err(failure) if failure.code == FailureCode::NotFound => None,
                Err(failure) => return Err(failure),
            },
            Target::Feed(_) => None,
        })
    }

    /// The people who are shown under a name that holds all of these words.
    async fn people_named(&self, name: &str) -> Result<Vec<PersonId>, Failure> {
        let wanted = parse(name, false).wanted;
        // Found by any words about them; then only what they are called here counts.
        let about = self.store().find_people(&wanted, store::MAX_FOUND_PEOPLE).await?;
        let names = self.store().names(&about).await?;
        let is_called_so = |person: &PersonId| {
            let name = names.get(person).and_then(|profile| profile.name.as_deref()).unwrap_or_default();
            let words = words(name);
            wanted.iter().all(|term| (0..words.len()).any(|at| term.is_at(&words, at)))
        };
        Ok(about.into_iter().filter(is_called_so).take(MEANT).collect())
    }

    /// What was typed with what was chosen beside it, and the first name in it that nobody has here.
    async fn narrowed(
        &self,
        mut terms: SearchTerms,
        query: &SearchQuery,
        cursor: Option<SearchCursor>,
    ) -> Result<(Search, Option<String>), Failure> {
        terms.from.extend(query.from.clone());
        terms.channels.extend(query.channel.clone());
        let before = query.before.as_deref().map(day).transpose()?;
        let after = query.after.as_deref().map(day).transpose()?;
        let (mut from, mut unknown) = (None, None);
        if !terms.from.is_empty() {
            let meant = from.insert(Vec::new());
            for text in &terms.from {
                match text.parse::<PersonId>() {
                    Ok(person) => meant.push(person),
                    Err(_) => {
                        let named = self.people_named(text).await?;
                        if named.is_empty() {
                            unknown.get_or_insert_with(|| text.trim().chars().take(80).collect());
                        }
                        meant.extend(named);
                    }
                }
            }
        }
        let channels = terms.channels.iter().filter_map(|name| social::channel_name(name)).collect();
        let search = Search {
            wanted: terms.wanted,
            excluded: terms.excluded,
            from,
            channels: (!terms.channels.is_empty()).then_some(channels),
            before: terms.before.into_iter().chain(before).min(),
            after: terms.after.into_iter().chain(after).max(),
            cursor,
            limit: query.limit as usize,
        };
        Ok((search, unknown))
    }
}

/// Whether a search asks for nothing: it is empty, or only leaves something out.
fn is_for_nothing(terms: &SearchTerms, query: &SearchQuery) -> bool {
    terms.wanted.is_empty()
        && terms.from.is_empty()
        && terms.channels.is_empty()
        && terms.before.is_none()
        && terms.after.is_none()
        && [&query.from, &query.channel, &query.before, &query.after].into_iter().all(Option::is_none)
}

/// The words for a day that cannot be read, which was looked for as a word.
fn no_day(text: &str) -> Option<String> {
    let value = |word: &str| -> Option<String> {
        let (key, value) = word.split_once(':')?;
        let is_key = ["before", "after"].iter().any(|known| key.eq_ignore_ascii_case(known));
        (is_key && !value.is_empty() && Day::parse(value).is_none()).then(|| value.chars().take(40).collect())
    };
    let value = text.split_whitespace().find_map(value)?;
    Some(format!("“{value}” is no day: write it like 2026-11-21."))
}

fn hit(found: Found, search: &Search, people: &People) -> SearchHit {
    let (text, title, post) = match found.text {
        FoundText::Post(post) => (post.text.clone(), None, Some(post)),
        FoundText::Blog(blog) => (blog.summary.unwrap_or_default(), Some(blog.title), None),
    };
    let pieces = snippet(&readable(&text), &search.wanted);
    let post = post.unwrap_or_default();
    SearchHit {
        id: found.id.to_string(),
        author: people.view(found.author),
        time: found.time_ms as f64,
        root: post.root.map(|root| root.to_string()),
        channel: post.channel,
        content_warning: post.content_warning,
        title,
        snippet: pieces.into_iter().map(|piece| SnippetPart { text: piece.text, matched: piece.is_match }).collect(),
    }
}

fn place(text: &str) -> Result<SearchCursor, Failure> {
    text.parse().map_err(|_| {
        Failure::new(FailureCode::BadInput, "This is not a place in a search.", "Begin again at the first page.")
    })
}

fn day(text: &str) -> Result<Day, Failure> {
    Day::parse(text.trim()).ok_or_else(|| {
        Failure::new(
            FailureCode::BadInput,
            format!("{:?} is not a day.", text.chars().take(40).collect::<String>()),
            "Write it like 2026-11-21, or 2026-11 or 2026 for its first day.",
        )
    })
}
