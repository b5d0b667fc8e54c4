//! Publishes each type with the client that progenitor makes.
#![deny(warnings)]

#[allow(warnings)]
mod hub {
    include!(concat!(env!("OUT_DIR"), "/hub.rs"));
}

use futures::TryStreamExt;
use hub::{types, Client, Error};
use serde_json::{json, Map, Value};
use std::{env::var, error::Error as StdError, time::SystemTime};
use types::*;

type Anything<T> = Result<T, Box<dyn StdError>>;

fn connect(bearer: &str) -> Anything<Client> {
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {bearer}").parse()?);
    let http = reqwest::Client::builder().default_headers(headers).build()?;
    Ok(Client::new_with_client(&var("HUB_URL")?, http))
}

macro_rules! request {
    // `data` is an option where the type does not need it; `From` makes one of either.
    ($kind:ident, $data:expr) => {
        PublishRequest::from(types::$kind {
            type_: Default::default(),
            title: "Título".into(),
            message: "Mensagem".into(),
            data: $data.into(),
            user_id: Some(var("HUB_USER")?.parse()?),
            account_id: Some(var("HUB_ACCOUNT")?.parse()?),
            user_ids: None,
            everyone: false,
            timestamp: None,
            ttl_seconds: None,
        })
    };
}

fn order(total: Option<&str>) -> OrderData {
    OrderData {
        order_id: Some(OrderDataOrderId::Int64(1234)),
        order_code: Some(OrderDataOrderCode::String("PED-1234".into())),
        items: Some(vec![json!({"productId": 77, "name": "Caixa 30x20", "quantity": 2})]),
        total: total.map(|text| OrderDataTotal::String(text.into())),
    }
}

fn product() -> ProductData {
    ProductData {
        product_id: Some(ProductDataProductId::Int64(77)),
        product_name: Some("Caixa 30x20".into()),
    }
}

fn free(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn requests() -> Anything<Vec<PublishRequest>> {
    let shipped = OrderUpdateData {
        order_id: Some(OrderUpdateDataOrderId::Int64(1234)),
        order_code: Some(OrderUpdateDataOrderCode::String("PED-1234".into())),
        status: Some("shipped".into()),
        tracking_code: Some(OrderUpdateDataTrackingCode::String("BR123456789".into())),
        items: None,
    };
    let low = StockData {
        product_id: Some(StockDataProductId::Int64(77)),
        product_name: Some("Caixa 30x20".into()),
        current_stock: Some(3.0),
        min_stock: Some(5.0),
    };
    let service_order = ServiceOrderData {
        service_order_id: ServiceOrderDataServiceOrderId::Int64(1),
        technician: None,
    };
    Ok(vec![
        request!(PublishOrderCreated, order(Some("R$ 59,80"))),
        request!(PublishPaymentConfirmed, order(None)),
        request!(PublishOrderUpdated, shipped),
        request!(PublishStockAlert, low),
        request!(PublishCartUpdated, free(json!({"itemCount": 2}))),
        request!(PublishProductAdded, product()),
        request!(PublishProductUpdated, product()),
        request!(PublishProductDeleted, product()),
        request!(PublishTransactionCreated, free(json!({"transactionId": 981}))),
        request!(PublishProfileUpdated, free(json!({"fields": ["phone"]}))),
        request!(PublishReturnRequested, free(json!({"returnId": 41}))),
        request!(PublishReturnResponded, free(json!({"returnId": 41, "accepted": true}))),
        request!(PublishReplacementSent, free(json!({"returnId": 41}))),
        request!(PublishDefectiveReceived, free(json!({"returnId": 41}))),
        request!(PublishExchangeValidated, free(json!({"exchangeId": 12}))),
        request!(PublishExchangeResolved, free(json!({"exchangeId": 12}))),
        request!(PublishServiceOrderCreated, service_order),
    ])
}

/// A tagged value's `type`, as it stands on the wire.
fn tag(value: &impl serde::Serialize) -> Anything<String> {
    Ok(serde_json::to_value(value)?["type"].as_str().unwrap_or_default().into())
}

async fn refusal(client: &Client, body: &PublishRequest) -> Anything<Problem> {
    match client.publish_notification(None, body).await {
        Err(Error::ErrorResponse(answer)) => {
            let bytes = answer.into_inner().into_inner().try_fold(Vec::new(), |mut all, part| async move {
                all.extend_from_slice(&part);
                Ok(all)
            });
            Ok(serde_json::from_slice(&bytes.await?)?)
        }
        other => Err(format!("not refused: {other:?}").into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Anything<()> {
    let service = connect(&var("HUB_KEY")?)?;
    let requests = requests()?;
    for body in &requests {
        let receipt = service.publish_notification(None, body).await?;
        println!("published {} {}", tag(body)?, receipt.id);
    }

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos().to_string();
    let key: PublishNotificationIdempotencyKey = now.parse()?;
    let once = service.publish_notification(Some(&key), &requests[0]).await?;
    let again = service.publish_notification(Some(&key), &requests[0]).await?;
    assert!(again.duplicate && once.id == again.id);
    println!("repeated {}", again.id);

    let both = BatchRequest { notifications: requests[..2].to_vec() };
    let batch = service.publish_batch(None, &both).await?;
    let ids: Vec<_> = batch.results.iter().filter_map(|result| Some(result.receipt.as_ref()?.id.as_str())).collect();
    println!("batch {}", ids.join(" "));

    let untargeted: PublishRequest = serde_json::from_value(json!({"type": "cart_updated", "title": "a", "message": "b"}))?;
    for problem in [refusal(&service, &untargeted).await?, refusal(&connect("hubk_stranger")?, &requests[0]).await?] {
        println!("refused {} {}", problem.status, problem.code);
    }

    let page = connect(&var("HUB_TOKEN")?)?.poll_frames(Some(&var("HUB_CURSOR")?), None, None).await?;
    let read = page.frames.iter().map(tag).collect::<Anything<Vec<_>>>()?;
    println!("read {}", read.join(" "));
    Ok(())
}
