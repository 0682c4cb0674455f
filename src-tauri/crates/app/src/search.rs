//! Search as screens show it.

use std::collections::BTreeSet;
use std::time::Duration;

use feed::PersonId;
use social::search::{Day, SearchTerms, parse, readable, snippet};
use social::{Kind, Target};
use store::{Found, FoundText, Search, SearchCursor, SearchResult};

use crate::App;
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
        let people = if cursor.is_none() { self.people_meant(&terms).await? } else { Vec::new() };
        let search = self.narrowed(terms, &query, cursor).await?;
        let SearchResult { found, next } = match query.order {
            SearchOrder::Newest => self.store().search(&search).await?,
            SearchOrder::Best => self.store().search_best(&search).await?,
        };
        let shown: BTreeSet<PersonId> = found.iter().map(|found| found.author).chain(people.iter().copied()).collect();
        let known = People::load(self.store(), shown, self.near().await?).await?;
        Ok(SearchPage {
            target,
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
    async fn people_meant(&self, terms: &SearchTerms) -> Result<Vec<PersonId>, Failure> {
        let is_narrowed = !(terms.from.is_empty() && terms.channels.is_empty() && terms.excluded.is_empty())
            || terms.before.is_some()
            || terms.after.is_some();
        match is_narrowed {
            true => Ok(Vec::new()),
            false => Ok(self.store().find_people(&terms.wanted, PEOPLE).await?),
        }
    }

    /// What was typed with what was chosen beside it.
    async fn narrowed(
        &self,
        mut terms: SearchTerms,
        query: &SearchQuery,
        cursor: Option<SearchCursor>,
    ) -> Result<Search, Failure> {
        terms.from.extend(query.from.clone());
        terms.channels.extend(query.channel.clone());
        let before = query.before.as_deref().map(day).transpose()?;
        let after = query.after.as_deref().map(day).transpose()?;
        let mut from = None;
        if !terms.from.is_empty() {
            let meant = from.insert(Vec::new());
            for text in &terms.from {
                match text.parse::<PersonId>() {
                    Ok(person) => meant.push(person),
                    Err(_) => meant.extend(self.store().find_people(&parse(text, false).wanted, MEANT).await?),
                }
            }
        }
        let channels = terms.channels.iter().filter_map(|name| social::channel_name(name)).collect();
        Ok(Search {
            wanted: terms.wanted,
            excluded: terms.excluded,
            from,
            channels: (!terms.channels.is_empty()).then_some(channels),
            before: terms.before.into_iter().chain(before).min(),
            after: terms.after.into_iter().chain(after).max(),
            cursor,
            limit: query.limit as usize,
        })
    }
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
