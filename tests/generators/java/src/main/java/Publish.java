import hub.ApiClient;
import hub.ApiException;
import hub.api.PublishApi;
import hub.api.ReceiveApi;
import hub.model.*;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;

/** Publishes each type with the client that openapi-generator makes, over Java's own HttpClient as it comes. */
public final class Publish {
  private static final String TITLE = "Título";
  private static final String MESSAGE = "Mensagem";
  private static final String USER = System.getenv("HUB_USER");
  private static final String ACCOUNT = System.getenv("HUB_ACCOUNT");

  private Publish() {}

  private static ApiClient connect(String bearer) {
    ApiClient client = new ApiClient();
    client.updateBaseUri(System.getenv("HUB_URL"));
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + bearer));
    return client;
  }

  private static OrderData order() {
    return new OrderData()
        .orderId(new OrderDataOrderId(1234L))
        .orderCode(new OrderDataOrderId("PED-1234"))
        .items(List.of(Map.of("productId", 77, "name", "Caixa 30x20", "quantity", 2)));
  }

  private static ProductData product() {
    return new ProductData().productId(new OrderDataOrderId(77L)).productName("Caixa 30x20");
  }

  private static List<PublishRequest> requests() {
    OrderData sold = order().total(new OrderDataTotal("R$ 59,80"));
    OrderUpdateData shipped =
        new OrderUpdateData()
            .orderId(new OrderDataOrderId(1234L))
            .orderCode(new OrderDataOrderId("PED-1234"))
            .status("shipped")
            .trackingCode(new OrderDataOrderId("BR123456789"));
    StockData low =
        new StockData().productId(new OrderDataOrderId(77L)).productName("Caixa 30x20").currentStock(3.0).minStock(5.0);
    ServiceOrderData serviceOrder = new ServiceOrderData().serviceOrderId(new ServiceOrderDataServiceOrderId(1L));
    return List.of(
        new PublishRequest(new PublishOrderCreated().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(sold)),
        new PublishRequest(new PublishPaymentConfirmed().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(order())),
        new PublishRequest(new PublishOrderUpdated().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(shipped)),
        new PublishRequest(new PublishStockAlert().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(low)),
        new PublishRequest(new PublishCartUpdated().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(Map.of("itemCount", 2))),
        new PublishRequest(new PublishProductAdded().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(product())),
        new PublishRequest(new PublishProductUpdated().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(product())),
        new PublishRequest(new PublishProductDeleted().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(product())),
        new PublishRequest(new PublishTransactionCreated().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(Map.of("transactionId", 981))),
        new PublishRequest(new PublishProfileUpdated().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(Map.of("fields", List.of("phone")))),
        new PublishRequest(new PublishReturnRequested().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(Map.of("returnId", 41))),
        new PublishRequest(new PublishReturnResponded().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(Map.of("returnId", 41, "accepted", true))),
        new PublishRequest(new PublishReplacementSent().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(Map.of("returnId", 41))),
        new PublishRequest(new PublishDefectiveReceived().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(Map.of("returnId", 41))),
        new PublishRequest(new PublishExchangeValidated().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(Map.of("exchangeId", 12))),
        new PublishRequest(new PublishExchangeResolved().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(Map.of("exchangeId", 12))),
        new PublishRequest(new PublishServiceOrderCreated().title(TITLE).message(MESSAGE).userId(USER).accountId(ACCOUNT).data(serviceOrder)));
  }

  private static String tag(Object tagged) {
    return ApiClient.createDefaultObjectMapper().valueToTree(tagged).get("type").asText();
  }

  private static void refuse(PublishApi api, PublishRequest body) throws Exception {
    try {
      api.publishNotification(body, null);
      throw new IllegalStateException("not refused");
    } catch (ApiException refused) {
      Problem problem = ApiClient.createDefaultObjectMapper().readValue(refused.getResponseBody(), Problem.class);
      System.out.println("refused " + problem.getStatus() + " " + problem.getCode());
    }
  }

  public static void main(String[] arguments) throws Exception {
    PublishApi service = new PublishApi(connect(System.getenv("HUB_KEY")));
    List<PublishRequest> requests = requests();
    for (PublishRequest body : requests) {
      System.out.println("published " + tag(body) + " " + service.publishNotification(body, null).getId());
    }

    String key = UUID.randomUUID().toString();
    Receipt once = service.publishNotification(requests.get(0), key);
    Receipt again = service.publishNotification(requests.get(0), key);
    if (!again.getDuplicate() || !again.getId().equals(once.getId())) {
      throw new IllegalStateException("a repeat was stored twice");
    }
    System.out.println("repeated " + again.getId());

    BatchReceipt batch = service.publishBatch(new BatchRequest().notifications(requests.subList(0, 2)), null);
    System.out.println(
        "batch " + batch.getResults().stream().map(result -> result.getReceipt().getId()).collect(Collectors.joining(" ")));

    refuse(service, new PublishRequest(new PublishCartUpdated().title(TITLE).message(MESSAGE)));
    refuse(new PublishApi(connect("hubk_stranger")), requests.get(0));

    Page page = new ReceiveApi(connect(System.getenv("HUB_TOKEN"))).pollFrames(null, System.getenv("HUB_CURSOR"), null);
    System.out.println("read " + page.getFrames().stream().map(Publish::tag).collect(Collectors.joining(" ")));
  }
}
