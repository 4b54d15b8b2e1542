//! Counts visits in PostgreSQL. `backend health` is the health check: the image needs no curl.

use std::env;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    match env::args().nth(1).as_deref() {
        Some("health") => return health(&port),
        Some("migrations") => {
            for migration in MIGRATIONS.iter() {
                println!("{} {}", migration.version, migration.description);
            }
            return Ok(());
        }
        _ => {}
    }
    let database = env::var("DATABASE_URL").map_err(|_| "DATABASE_URL is not set")?;
    let pool = PgPoolOptions::new().max_connections(5).connect(&database).await?;
    MIGRATIONS.run(&pool).await?;

    let app = Router::new()
        .route("/", get(visit))
        .route("/health", get(async || "well\n"))
        .with_state(pool);
    let listener = TcpListener::bind(format!("0.0.0.0:{port}")).await?;
    println!("listening on port {port}");
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, app)
        .with_graceful_shutdown(async move { _ = terminate.recv().await })
        .await?;
    Ok(())
}

async fn visit(State(pool): State<PgPool>) -> Result<String, (StatusCode, String)> {
    let sql = "WITH visit AS (INSERT INTO visits DEFAULT VALUES RETURNING id) SELECT id FROM visit";
    let id: i64 = sqlx::query_scalar(sql)
        .fetch_one(&pool)
        .await
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(format!("visit {id}\n"))
}

fn health(port: &str) -> Result<(), Box<dyn Error>> {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}"))?;
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.0 200") {
        return Err(format!("the server answers {answer:?}").into());
    }
    Ok(())
}
