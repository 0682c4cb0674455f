//! `peri export`: every message, byte for byte as it was signed.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use app::rpc::Request;
use app::status::Exported;
use app::view::Failure;

use crate::Ended;
use crate::connection::Connection;

/// Writes the rows of all feeds, or of one, as lines of `{"key","value","timestamp"}`.
pub(crate) async fn run(node: &mut Connection, feed: Option<String>, file: &str) -> Result<(), Ended> {
    let out: Box<dyn Write> = match file {
        "-" => Box::new(io::stdout().lock()),
        path => Box::new(File::create(path).map_err(|error| Failure::disk(path.as_ref(), &error))?),
    };
    let mut out = BufWriter::new(out);
    let mut after = None;
    loop {
        let page: Exported = node.ask(Request::Export { feed: feed.clone(), after }).await?;
        for row in &page.rows {
            // The value is JSON already and must not be printed anew; a key needs no escapes.
            writeln!(out, r#"{{"key":"{}","value":{},"timestamp":{}}}"#, row.key, row.value, row.timestamp)
                .map_err(|error| crate::broken(&error))?;
        }
        if page.next.is_none() {
            break;
        }
        after = page.next;
    }
    out.flush().map_err(|error| crate::broken(&error))
}
