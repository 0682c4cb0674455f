//! The only clock: what the pure parts are given as `now`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use node::{Instant, Now};

/// A clock that started when the node did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: tokio::time::Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { start: tokio::time::Instant::now() }
    }

    /// This moment.
    pub(crate) fn now(&self) -> Now {
        let since = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Now { monotonic: Instant::from_micros(since), wall: wall() }
    }

    /// Waits until `at`, for ever when there is none.
    pub(crate) async fn sleep_until(&self, at: Option<Instant>) {
        match at {
            Some(at) => tokio::time::sleep_until(self.start + Duration::from_micros(at.as_micros())).await,
            None => std::future::pending().await,
        }
    }
}

/// Unix milliseconds now; a clock before 1970 counts as 1970.
pub(crate) fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
