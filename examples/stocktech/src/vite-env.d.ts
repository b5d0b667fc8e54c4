interface ImportMetaEnv {
  /** The hub's WebSocket address, such as `wss://hub.example.com/ws`. */
  readonly VITE_WS_URL?: string;
}
