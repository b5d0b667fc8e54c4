export { TopBar } from "./TopBar";
export { fetchToken } from "./token";
