// Publishes each type with the client that ogen makes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"generators/ogen/hub"

	"github.com/go-faster/jx"
	"github.com/ogen-go/ogen/ogenerrors"
)

var (
	ctx     = context.Background()
	user    = hub.NewOptNilString(os.Getenv("HUB_USER"))
	account = hub.NewOptNilString(os.Getenv("HUB_ACCOUNT"))
)

const (
	title   = "Título"
	message = "Mensagem"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// bearer is a service's key or a user's token.
type bearer string

func (b bearer) ServiceKey(context.Context, hub.OperationName) (hub.ServiceKey, error) {
	return hub.ServiceKey{Token: string(b)}, nil
}

func (b bearer) UserToken(context.Context, hub.OperationName) (hub.UserToken, error) {
	return hub.UserToken{Token: string(b)}, nil
}

func (b bearer) UrlToken(context.Context, hub.OperationName) (hub.UrlToken, error) {
	return hub.UrlToken{}, ogenerrors.ErrSkipClientSecurity
}

func connect(credential string) *hub.Client {
	return must(hub.NewClient(os.Getenv("HUB_URL"), bearer(credential)))
}

func order() hub.OrderData {
	return hub.OrderData{
		OrderId:   hub.NewOptNilOrderDataOrderId(hub.NewInt64OrderDataOrderId(1234)),
		OrderCode: hub.NewOptNilOrderDataOrderCode(hub.NewStringOrderDataOrderCode("PED-1234")),
		Items:     hub.NewOptNilAnyArray([]jx.Raw{jx.Raw(`{"productId":77,"name":"Caixa 30x20","quantity":2}`)}),
	}
}

func sold() hub.OrderData {
	data := order()
	data.Total = hub.NewOptNilOrderDataTotal(hub.NewStringOrderDataTotal("R$ 59,80"))
	return data
}

func product() hub.OptNilProductData {
	return hub.NewOptNilProductData(hub.ProductData{
		ProductId:   hub.NewOptNilProductDataProductId(hub.NewInt64ProductDataProductId(77)),
		ProductName: hub.NewOptNilString("Caixa 30x20"),
	})
}

func requests() []hub.PublishRequest {
	shipped := hub.OrderUpdateData{
		OrderId:      hub.NewOptNilOrderUpdateDataOrderId(hub.NewInt64OrderUpdateDataOrderId(1234)),
		OrderCode:    hub.NewOptNilOrderUpdateDataOrderCode(hub.NewStringOrderUpdateDataOrderCode("PED-1234")),
		Status:       hub.NewOptNilString("shipped"),
		TrackingCode: hub.NewOptNilOrderUpdateDataTrackingCode(hub.NewStringOrderUpdateDataTrackingCode("BR123456789")),
	}
	low := hub.StockData{
		ProductId:    hub.NewOptNilStockDataProductId(hub.NewInt64StockDataProductId(77)),
		ProductName:  hub.NewOptNilString("Caixa 30x20"),
		CurrentStock: hub.NewOptNilFloat64(3),
		MinStock:     hub.NewOptNilFloat64(5),
	}
	return []hub.PublishRequest{
		hub.NewPublishOrderCreatedPublishRequest(hub.PublishOrderCreated{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilOrderData(sold())}),
		hub.NewPublishPaymentConfirmedPublishRequest(hub.PublishPaymentConfirmed{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilOrderData(order())}),
		hub.NewPublishOrderUpdatedPublishRequest(hub.PublishOrderUpdated{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilOrderUpdateData(shipped)}),
		hub.NewPublishStockAlertPublishRequest(hub.PublishStockAlert{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilStockData(low)}),
		hub.NewPublishCartUpdatedPublishRequest(hub.PublishCartUpdated{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilPublishCartUpdatedData(hub.PublishCartUpdatedData{"itemCount": jx.Raw("2")})}),
		hub.NewPublishProductAddedPublishRequest(hub.PublishProductAdded{Title: title, Message: message, UserID: user, AccountID: account, Data: product()}),
		hub.NewPublishProductUpdatedPublishRequest(hub.PublishProductUpdated{Title: title, Message: message, UserID: user, AccountID: account, Data: product()}),
		hub.NewPublishProductDeletedPublishRequest(hub.PublishProductDeleted{Title: title, Message: message, UserID: user, AccountID: account, Data: product()}),
		hub.NewPublishTransactionCreatedPublishRequest(hub.PublishTransactionCreated{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilPublishTransactionCreatedData(hub.PublishTransactionCreatedData{"transactionId": jx.Raw("981")})}),
		hub.NewPublishProfileUpdatedPublishRequest(hub.PublishProfileUpdated{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilPublishProfileUpdatedData(hub.PublishProfileUpdatedData{"fields": jx.Raw(`["phone"]`)})}),
		hub.NewPublishReturnRequestedPublishRequest(hub.PublishReturnRequested{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilPublishReturnRequestedData(hub.PublishReturnRequestedData{"returnId": jx.Raw("41")})}),
		hub.NewPublishReturnRespondedPublishRequest(hub.PublishReturnResponded{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilPublishReturnRespondedData(hub.PublishReturnRespondedData{"returnId": jx.Raw("41"), "accepted": jx.Raw("true")})}),
		hub.NewPublishReplacementSentPublishRequest(hub.PublishReplacementSent{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilPublishReplacementSentData(hub.PublishReplacementSentData{"returnId": jx.Raw("41")})}),
		hub.NewPublishDefectiveReceivedPublishRequest(hub.PublishDefectiveReceived{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilPublishDefectiveReceivedData(hub.PublishDefectiveReceivedData{"returnId": jx.Raw("41")})}),
		hub.NewPublishExchangeValidatedPublishRequest(hub.PublishExchangeValidated{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilPublishExchangeValidatedData(hub.PublishExchangeValidatedData{"exchangeId": jx.Raw("12")})}),
		hub.NewPublishExchangeResolvedPublishRequest(hub.PublishExchangeResolved{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.NewOptNilPublishExchangeResolvedData(hub.PublishExchangeResolvedData{"exchangeId": jx.Raw("12")})}),
		hub.NewPublishServiceOrderCreatedPublishRequest(hub.PublishServiceOrderCreated{Title: title, Message: message, UserID: user, AccountID: account, Data: hub.ServiceOrderData{ServiceOrderId: hub.NewInt64ServiceOrderDataServiceOrderId(1)}}),
	}
}

func publish(client *hub.Client, body hub.PublishRequest, key hub.OptString) *hub.Receipt {
	answer := must(client.PublishNotification(ctx, body, hub.PublishNotificationParams{IdempotencyKey: key}))
	receipt, ok := answer.(*hub.Receipt)
	if !ok {
		log.Fatalf("refused: %+v", answer)
	}
	return receipt
}

// tag returns the `type` of a tagged value, as it stands on the wire.
func tag(value json.Marshaler) string {
	var tagged struct{ Type string }
	if err := json.Unmarshal(must(value.MarshalJSON()), &tagged); err != nil {
		log.Fatal(err)
	}
	return tagged.Type
}

func main() {
	service := connect(os.Getenv("HUB_KEY"))
	all := requests()
	for _, body := range all {
		fmt.Println("published", tag(&body), publish(service, body, hub.OptString{}).ID)
	}

	key := hub.NewOptString(fmt.Sprint(time.Now().UnixNano()))
	once, again := publish(service, all[0], key), publish(service, all[0], key)
	if once.ID != again.ID || !again.Duplicate {
		log.Fatal("a repeat was stored twice")
	}
	fmt.Println("repeated", again.ID)

	batch := must(service.PublishBatch(ctx, &hub.BatchRequest{Notifications: all[:2]}, hub.PublishBatchParams{})).(*hub.BatchReceipt)
	fmt.Println("batch", batch.Results[0].Receipt.Value.ID, batch.Results[1].Receipt.Value.ID)

	untargeted := hub.NewPublishCartUpdatedPublishRequest(hub.PublishCartUpdated{Title: title, Message: message})
	refused := must(service.PublishNotification(ctx, untargeted, hub.PublishNotificationParams{})).(*hub.PublishNotificationBadRequest)
	fmt.Println("refused", refused.Status, refused.Code)
	unknown := must(connect("hubk_stranger").PublishNotification(ctx, all[0], hub.PublishNotificationParams{})).(*hub.ProblemHeaders)
	fmt.Println("refused", unknown.Response.Status, unknown.Response.Code)

	cursor := hub.NewOptString(os.Getenv("HUB_CURSOR"))
	page := must(connect(os.Getenv("HUB_TOKEN")).PollFrames(ctx, hub.PollFramesParams{Cursor: cursor})).(*hub.Page)
	fmt.Print("read")
	for _, frame := range page.Frames {
		fmt.Print(" ", frame.Type)
	}
	fmt.Println()
}
