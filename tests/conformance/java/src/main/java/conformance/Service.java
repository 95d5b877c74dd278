package conformance;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import dtms.v1.DtmsServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.ServiceDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.BlockingClientCall;
import io.grpc.stub.ClientCalls;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The calls of a scenario, on one channel; requests and answers are protobuf's JSON. */
final class Service implements AutoCloseable {
  private static final MethodDescriptor<Message, Message> STREAM =
      ofMessages(DtmsServiceGrpc.getStreamMonitorEventsMethod());

  private final ManagedChannel channel;

  Service(String address) {
    channel =
        Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
            .disableRetry()
            .keepAliveTime(20, TimeUnit.SECONDS)
            .keepAliveTimeout(10, TimeUnit.SECONDS)
            .build();
  }

  /** Makes a unary call; a call that is to be cancelled is, so long after its beginning. */
  JsonObject call(String rpc, JsonObject request, Duration deadline, Optional<Duration> cancelAfter)
      throws Unexpected {
    var method = method(DtmsServiceGrpc.getServiceDescriptor(), rpc);
    return unary(method, message(method, request), deadline, cancelAfter);
  }

  /** Asks for the health of a name. */
  JsonObject health(String name, Duration deadline, Optional<Duration> cancelAfter)
      throws Unexpected {
    var method = method(HealthGrpc.getServiceDescriptor(), "Check");
    var request = HealthCheckRequest.newBuilder().setService(name).build();
    return unary(method, request, deadline, cancelAfter);
  }

  /** Begins to stream events. */
  BlockingClientCall<Message, Message> stream(Message request, CallOptions options) {
    return ClientCalls.blockingV2ServerStreamingCall(channel, STREAM, options, request);
  }

  /** Reads a request for a stream. */
  static Message streamRequest(JsonObject request) throws Unexpected {
    return message(STREAM, request);
  }

  /** Lets the next call connect at once: gRPC's own pause grows to two minutes. */
  void hurry() {
    channel.resetConnectBackoff();
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }

  /** Returns a message as its JSON. */
  static JsonObject json(MessageOrBuilder message) {
    try {
      return JsonParser.parseString(JsonFormat.printer().print(message)).getAsJsonObject();
    } catch (InvalidProtocolBufferException unknownAny) {
      throw new IllegalArgumentException(unknownAny);
    }
  }

  /** Returns what gives a call a deadline. */
  static CallOptions within(Duration deadline) {
    return CallOptions.DEFAULT.withDeadlineAfter(deadline.toMillis(), TimeUnit.MILLISECONDS);
  }

  private JsonObject unary(
      MethodDescriptor<Message, Message> method,
      Message request,
      Duration deadline,
      Optional<Duration> cancelAfter)
      throws Failure {
    var call = channel.newCall(method, within(deadline));
    cancelAfter.ifPresent(
        pause ->
            CompletableFuture.delayedExecutor(pause.toMillis(), TimeUnit.MILLISECONDS)
                .execute(() -> call.cancel("the scenario cancels it", null)));
    try {
      return json(ClientCalls.blockingUnaryCall(call, request));
    } catch (StatusRuntimeException error) {
      throw Failure.of(error);
    }
  }

  private static MethodDescriptor<Message, Message> method(ServiceDescriptor service, String rpc)
      throws Unexpected {
    return service.getMethods().stream()
        .filter(method -> rpc.equals(method.getBareMethodName()))
        .filter(method -> method.getType() == MethodDescriptor.MethodType.UNARY)
        .map(Service::ofMessages)
        .findFirst()
        .orElseThrow(() -> new Malformed("there is no call " + rpc));
  }

  @SuppressWarnings("unchecked") // all methods of the generated stubs take and answer messages
  private static MethodDescriptor<Message, Message> ofMessages(MethodDescriptor<?, ?> method) {
    return (MethodDescriptor<Message, Message>) method;
  }

  private static Message message(MethodDescriptor<Message, Message> method, JsonObject request)
      throws Unexpected {
    var marshaller = (MethodDescriptor.PrototypeMarshaller<Message>) method.getRequestMarshaller();
    var message = marshaller.getMessagePrototype().newBuilderForType();
    try {
      JsonFormat.parser().merge(request.toString(), message);
    } catch (InvalidProtocolBufferException wrong) {
      throw new Malformed("this is no such request: " + wrong.getMessage());
    }
    return message.build();
  }
}
