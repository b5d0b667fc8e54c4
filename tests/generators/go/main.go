// Publishes each type with the client that oapi-codegen makes.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"generators/go/hub"
)

var (
	ctx     = context.Background()
	url     = os.Getenv("HUB_URL")
	user    = os.Getenv("HUB_USER")
	account = os.Getenv("HUB_ACCOUNT")
)

const (
	title   = "Título"
	message = "Mensagem"
)

func ptr[T any](value T) *T { return &value }

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func connect(bearer string) *hub.ClientWithResponses {
	return must(hub.NewClientWithResponses(url, hub.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+bearer)
		return nil
	})))
}

func order() hub.OrderData {
	var id hub.OrderData_OrderId
	check(id.FromOrderDataOrderId0(1234))
	var code hub.OrderData_OrderCode
	check(code.FromOrderDataOrderCode1("PED-1234"))
	items := []any{map[string]any{"productId": 77, "name": "Caixa 30x20", "quantity": 2}}
	return hub.OrderData{OrderId: &id, OrderCode: &code, Items: &items}
}

func sold() hub.OrderData {
	data := order()
	data.Total = new(hub.OrderData_Total)
	check(data.Total.FromOrderDataTotal1("R$ 59,80"))
	return data
}

func shipped() hub.OrderUpdateData {
	data := hub.OrderUpdateData{Status: ptr("shipped")}
	data.OrderId, data.OrderCode = new(hub.OrderUpdateData_OrderId), new(hub.OrderUpdateData_OrderCode)
	data.TrackingCode = new(hub.OrderUpdateData_TrackingCode)
	check(data.OrderId.FromOrderUpdateDataOrderId0(1234))
	check(data.OrderCode.FromOrderUpdateDataOrderCode1("PED-1234"))
	check(data.TrackingCode.FromOrderUpdateDataTrackingCode1("BR123456789"))
	return data
}

func low() hub.StockData {
	data := hub.StockData{ProductName: ptr("Caixa 30x20"), ProductId: new(hub.StockData_ProductId)}
	data.CurrentStock, data.MinStock = ptr(3.0), ptr(5.0)
	check(data.ProductId.FromStockDataProductId0(77))
	return data
}

func product() *hub.ProductData {
	data := hub.ProductData{ProductName: ptr("Caixa 30x20"), ProductId: new(hub.ProductData_ProductId)}
	check(data.ProductId.FromProductDataProductId0(77))
	return &data
}

func serviceOrder() hub.ServiceOrderData {
	var data hub.ServiceOrderData
	check(data.ServiceOrderId.FromServiceOrderDataServiceOrderId0(1))
	return data
}

func free(name string, value any) *map[string]any { return &map[string]any{name: value} }

func requests() []hub.PublishRequest {
	made := make([]hub.PublishRequest, 17)
	answered := free("returnId", 41)
	(*answered)["accepted"] = true
	check(made[0].FromPublishOrderCreated(hub.PublishOrderCreated{Title: title, Message: message, UserId: &user, AccountId: &account, Data: ptr(sold())}))
	check(made[1].FromPublishPaymentConfirmed(hub.PublishPaymentConfirmed{Title: title, Message: message, UserId: &user, AccountId: &account, Data: ptr(order())}))
	check(made[2].FromPublishOrderUpdated(hub.PublishOrderUpdated{Title: title, Message: message, UserId: &user, AccountId: &account, Data: ptr(shipped())}))
	check(made[3].FromPublishStockAlert(hub.PublishStockAlert{Title: title, Message: message, UserId: &user, AccountId: &account, Data: ptr(low())}))
	check(made[4].FromPublishCartUpdated(hub.PublishCartUpdated{Title: title, Message: message, UserId: &user, AccountId: &account, Data: free("itemCount", 2)}))
	check(made[5].FromPublishProductAdded(hub.PublishProductAdded{Title: title, Message: message, UserId: &user, AccountId: &account, Data: product()}))
	check(made[6].FromPublishProductUpdated(hub.PublishProductUpdated{Title: title, Message: message, UserId: &user, AccountId: &account, Data: product()}))
	check(made[7].FromPublishProductDeleted(hub.PublishProductDeleted{Title: title, Message: message, UserId: &user, AccountId: &account, Data: product()}))
	check(made[8].FromPublishTransactionCreated(hub.PublishTransactionCreated{Title: title, Message: message, UserId: &user, AccountId: &account, Data: free("transactionId", 981)}))
	check(made[9].FromPublishProfileUpdated(hub.PublishProfileUpdated{Title: title, Message: message, UserId: &user, AccountId: &account, Data: free("fields", []string{"phone"})}))
	check(made[10].FromPublishReturnRequested(hub.PublishReturnRequested{Title: title, Message: message, UserId: &user, AccountId: &account, Data: free("returnId", 41)}))
	check(made[11].FromPublishReturnResponded(hub.PublishReturnResponded{Title: title, Message: message, UserId: &user, AccountId: &account, Data: answered}))
	check(made[12].FromPublishReplacementSent(hub.PublishReplacementSent{Title: title, Message: message, UserId: &user, AccountId: &account, Data: free("returnId", 41)}))
	check(made[13].FromPublishDefectiveReceived(hub.PublishDefectiveReceived{Title: title, Message: message, UserId: &user, AccountId: &account, Data: free("returnId", 41)}))
	check(made[14].FromPublishExchangeValidated(hub.PublishExchangeValidated{Title: title, Message: message, UserId: &user, AccountId: &account, Data: free("exchangeId", 12)}))
	check(made[15].FromPublishExchangeResolved(hub.PublishExchangeResolved{Title: title, Message: message, UserId: &user, AccountId: &account, Data: free("exchangeId", 12)}))
	check(made[16].FromPublishServiceOrderCreated(hub.PublishServiceOrderCreated{Title: title, Message: message, UserId: &user, AccountId: &account, Data: serviceOrder()}))
	return made
}

func publish(client *hub.ClientWithResponses, body hub.PublishRequest, params *hub.PublishNotificationParams) *hub.Receipt {
	answer := must(client.PublishNotificationWithResponse(ctx, params, body))
	if answer.JSON202 == nil {
		log.Fatalf("%s: %s", answer.Status(), answer.Body)
	}
	return answer.JSON202
}

func main() {
	service := connect(os.Getenv("HUB_KEY"))
	all := requests()
	for _, body := range all {
		fmt.Println("published", must(body.Discriminator()), publish(service, body, nil).Id)
	}

	params := &hub.PublishNotificationParams{IdempotencyKey: ptr(fmt.Sprint(time.Now().UnixNano()))}
	once, again := publish(service, all[0], params), publish(service, all[0], params)
	if once.Id != again.Id || !again.Duplicate {
		log.Fatal("a repeat was stored twice")
	}
	fmt.Println("repeated", again.Id)

	batch := must(service.PublishBatchWithResponse(ctx, nil, hub.BatchRequest{Notifications: all[:2]}))
	fmt.Println("batch", batch.JSON202.Results[0].Receipt.Id, batch.JSON202.Results[1].Receipt.Id)

	var untargeted hub.PublishRequest
	check(untargeted.FromPublishCartUpdated(hub.PublishCartUpdated{Title: title, Message: message}))
	refused := must(service.PublishNotificationWithResponse(ctx, nil, untargeted)).ApplicationproblemJSON400
	fmt.Println("refused", refused.Status, refused.Code)
	unknown := must(connect("hubk_stranger").PublishNotificationWithResponse(ctx, nil, all[0])).ApplicationproblemJSON401
	fmt.Println("refused", unknown.Status, unknown.Code)

	page := must(connect(os.Getenv("HUB_TOKEN")).PollFramesWithResponse(ctx, &hub.PollFramesParams{Cursor: ptr(os.Getenv("HUB_CURSOR"))}))
	fmt.Print("read")
	for _, frame := range page.JSON200.Frames {
		if _, err := frame.ValueByDiscriminator(); err != nil {
			log.Fatal(err)
		}
		fmt.Print(" ", must(frame.Discriminator()))
	}
	fmt.Println()
}
