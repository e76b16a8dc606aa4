export function typesOfSchema(): Promise<string>;
