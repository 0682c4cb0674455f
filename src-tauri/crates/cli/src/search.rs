//! Searching from a terminal: pages joined until enough is found.

use app::rpc::Request;
use app::view::{Failure, SearchOrder, SearchPage, SearchQuery};

use crate::connection::Connection;

/// As many hits as were asked for, page by page: one page is bounded, and may be short without being the last.
pub(crate) async fn all(node: &mut Connection, query: SearchQuery) -> Result<SearchPage, Failure> {
    let limit = query.limit as usize;
    node.settle().await?;
    let mut all: SearchPage = node.ask(Request::Search(query.clone())).await?;
    while let Some(cursor) = all.next.take_if(|_| all.hits.len() < limit && query.order == SearchOrder::Newest) {
        let missing = u32::try_from(limit - all.hits.len()).map_err(Failure::internal)?;
        let query = SearchQuery { cursor: Some(cursor), limit: missing, ..query.clone() };
        let page: SearchPage = node.ask(Request::Search(query)).await?;
        all.hits.extend(page.hits);
        (all.next, all.behind) = (page.next, page.behind);
    }
    Ok(all)
}
